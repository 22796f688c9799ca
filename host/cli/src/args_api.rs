//! What `loopchain api` takes.

use clap::{Args, Subcommand};

/// `api`
#[derive(Debug, Subcommand)]
pub enum ApiCommand {
    /// Print the OpenAPI 3.1 document of REST.
    Openapi(OpenApi),
}

/// `api openapi`
#[derive(Debug, Args)]
pub struct OpenApi {
    /// That of a RadioStation instead of a peer.
    #[arg(long)]
    pub radiostation: bool,
}
