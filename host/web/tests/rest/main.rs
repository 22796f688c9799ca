//! REST through its routers with a node that is made up: no sockets except in `server`.

#[cfg(test)]
mod bad_inputs;
#[cfg(test)]
mod chain;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod server;
#[cfg(test)]
mod v1;
#[cfg(test)]
mod v1_radiostation;
#[cfg(test)]
mod v2;
mod v2_lookups;
