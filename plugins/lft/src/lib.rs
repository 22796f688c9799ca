//! LFT: Byzantine agreement without forks, a rotating leader, free weights.
