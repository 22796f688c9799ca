//! Where a node keeps things: one database a channel, block segments, tip marker, sign log.
