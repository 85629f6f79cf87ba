//! Keys of a server, for admins.

use sensorium_api::v1;
use sensorium_api::v1::keys_service_client::KeysServiceClient;

use crate::client::Service;
use crate::{Client, ClientError};

impl Client {
    fn keys(&self) -> KeysServiceClient<Service> {
        KeysServiceClient::new(self.service())
    }

    /// Makes a key; it is given this once. Not tried again: a key whose answer was lost is one that nobody knows.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn create_key(
        &self,
        request: v1::CreateKeyRequest,
    ) -> Result<v1::CreateKeyResponse, ClientError> {
        let answered = self.keys().create_key(self.request(request)).await?;
        Ok(answered.into_inner())
    }

    /// Every key, oldest first, without what is secret.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn list_keys(&self) -> Result<Vec<v1::Key>, ClientError> {
        let call = || async { self.keys().list_keys(self.request(v1::ListKeysRequest {})).await };
        Ok(self.retry().call(call).await?.keys)
    }

    /// Takes a key back.
    ///
    /// # Errors
    /// [`ClientError`]; also where there is none of this id.
    pub async fn revoke_key(&self, id: &str) -> Result<(), ClientError> {
        let request = self.request(v1::RevokeKeyRequest { id: id.to_owned() });
        self.keys().revoke_key(request).await?;
        Ok(())
    }
}
