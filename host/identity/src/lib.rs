//! Keys, certificates, membership and the one signature rule.
