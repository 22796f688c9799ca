//! REST through its routers with a node that is made up: no sockets except in `server`, `sockets`,
//! `stream`, `audited`, `json_corpus` and `generated`.

#[cfg(test)]
mod audited;
#[cfg(test)]
mod bad_inputs;
#[cfg(test)]
mod chain;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod journey;
#[cfg(test)]
mod json_corpus;
#[cfg(test)]
mod live;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod openapi_cbor;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod seen;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod stream_client;
#[cfg(test)]
mod stream_count;
#[cfg(test)]
mod stream_through;
#[cfg(test)]
mod v1;
#[cfg(test)]
mod v1_radiostation;
#[cfg(test)]
mod v2;
#[cfg(test)]
mod v2_lookups;
