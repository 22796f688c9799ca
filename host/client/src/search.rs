//! Final transactions by who signed them and what they called, and one with its receipt.

use crate::page::escaped;
use crate::{Client, ClientError};
use serde_json::Value;

impl Client {
    /// A page of final transactions, newest first; names and values of the query.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let page = client.transactions(&[("signer", "alice".to_owned())]).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn transactions(&self, query: &[(&str, String)]) -> Result<Value, ClientError> {
        let pairs = query.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let channel = self.channel_name();
        self.get(&format!("/api/v2/channels/{channel}/transactions?{query}")).await
    }

    /// A transaction with its portable receipt in `proof`, unchecked.
    ///
    /// ```no_run
    /// # async fn example(client: host_client::Client) -> Result<(), host_client::ClientError> {
    /// let proved = client.proved(&"0".repeat(64)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn proved(&self, hash: &str) -> Result<Value, ClientError> {
        let (channel, hash) = (self.channel_name(), escaped(hash));
        self.get(&format!("/api/v2/channels/{channel}/transactions/{hash}?proof=true")).await
    }
}
