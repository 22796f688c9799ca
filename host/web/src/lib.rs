//! REST: v1 to the letter, v2, the operations listener.
