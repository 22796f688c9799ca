//! Attack SCOREs: each method breaks one rule of the sandbox.
