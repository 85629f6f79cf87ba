//! The collections of a server, and their fields with an index.

use sensorium_api::convert::space_info;
use sensorium_api::v1;
use sensorium_types::{CollectionSummary, FieldIndex};

use crate::{Client, ClientError};

impl Client {
    /// Every collection, in order of name.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn list_collections(&self) -> Result<Vec<CollectionSummary>, ClientError> {
        let call = || async {
            self.collections().list_collections(self.request(v1::ListCollectionsRequest {})).await
        };
        let listed = self.options.retry.call(call).await?.collections;
        let summary = |v1::Collection { name, space, settings: _ }| {
            Ok(CollectionSummary { name, space: space_info(space)? })
        };
        listed.into_iter().map(summary).collect()
    }

    /// Removes a collection with everything in it; `false` if there is none of this name.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn drop_collection(&self, name: &str) -> Result<bool, ClientError> {
        let message = v1::DeleteCollectionRequest { collection_name: name.to_owned() };
        let call = || async { self.collections().delete_collection(self.request(message.clone())).await };
        Ok(self.options.retry.call_once(call).await?.deleted)
    }

    /// Says whether the collection keeps captions; it is made if it is missing.
    ///
    /// # Errors
    /// [`ClientError`], among others if the server's bundle has no caption decoder.
    pub async fn keep_captions(&self, wanted: bool) -> Result<(), ClientError> {
        let settings = v1::CollectionSettings { captions: Some(wanted), ..v1::CollectionSettings::default() };
        let (collection_name, settings) = (self.collection(), Some(settings));
        if collection_name.is_empty() {
            let message = v1::UpdateCollectionRequest { collection_name, settings };
            let call = || async { self.collections().update_collection(self.request(message.clone())).await };
            return self.options.retry.call(call).await.map(drop);
        }
        let message = v1::CreateCollectionRequest { collection_name, settings };
        let call = || async { self.collections().create_collection(self.request(message.clone())).await };
        self.options.retry.call(call).await.map(drop)
    }

    /// Indexes a field of the collection; `false` if it is indexed already.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn index_field(&self, field: &str) -> Result<bool, ClientError> {
        let message =
            v1::CreateFieldIndexRequest { collection_name: self.collection(), field: field.to_owned() };
        let call = || async { self.collections().create_field_index(self.request(message.clone())).await };
        Ok(self.options.retry.call_once(call).await?.created)
    }

    /// Drops the index of a field; `false` if there is none.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn drop_field_index(&self, field: &str) -> Result<bool, ClientError> {
        let message =
            v1::DeleteFieldIndexRequest { collection_name: self.collection(), field: field.to_owned() };
        let call = || async { self.collections().delete_field_index(self.request(message.clone())).await };
        Ok(self.options.retry.call_once(call).await?.deleted)
    }

    /// Fields with an index, in order of name.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn field_indexes(&self) -> Result<Vec<FieldIndex>, ClientError> {
        let message = v1::ListFieldIndexesRequest { collection_name: self.collection() };
        let call = || async { self.collections().list_field_indexes(self.request(message.clone())).await };
        let listed = self.options.retry.call(call).await?.indexes;
        Ok(listed.into_iter().map(FieldIndex::try_from).collect::<Result<_, _>>()?)
    }
}
