//! Puts the project's files into the bucket: configuration and scripts at every start, landing files when a run asks.

use std::path::Path;

use aws_services::s3::PutOptions;

use crate::error::RuntimeError;
use crate::landing::{LandingFile, landing_files};
use crate::project::{Project, SCRIPTS};
use crate::runtime::Runtime;

impl Runtime {
    /// Puts landing files into the landing zone; returns what was uploaded, by key.
    pub async fn upload_landing(&self, folder: &Path) -> Result<Vec<LandingFile>, RuntimeError> {
        let _work = self.clock().work();
        let tables = self
            .project
            .as_ref()
            .map(|project| project.tables())
            .unwrap_or_default();
        let files = landing_files(folder, &tables)?;
        for file in &files {
            let content = read(&file.path)?;
            self.upload(&file.path, file.key(), content).await?;
        }
        Ok(files)
    }

    pub(crate) async fn upload_project(&self, project: &Project) -> Result<(), RuntimeError> {
        if let Some(config) = &project.config {
            let key = self.config_key();
            let content = config.text.clone().into_bytes();
            self.upload(&project.folder.join(&config.path), key, content)
                .await?;
        }
        for script in &project.scripts {
            let path = &script.source.path;
            let within = path.strip_prefix(SCRIPTS).unwrap_or(path);
            let key = format!("scripts/{}", within.display());
            let content = script.source.text.clone().into_bytes();
            self.upload(&project.folder.join(path), key, content)
                .await?;
        }
        Ok(())
    }

    /// Where the functions look for their configuration.
    fn config_key(&self) -> String {
        let mut environments = self
            .stack()
            .functions
            .iter()
            .map(|function| &function.environment);
        let key = environments.find_map(|environment| environment.get("Config_File_S3_Key"));
        key.cloned()
            .unwrap_or_else(|| "config/config.ini".to_owned())
    }

    async fn upload(&self, path: &Path, key: String, content: Vec<u8>) -> Result<(), RuntimeError> {
        let bucket = self.bucket()?;
        let put = self
            .services()
            .s3
            .put(bucket, &key, content, PutOptions::default())
            .await;
        put.map(drop).map_err(|source| RuntimeError::Upload {
            path: path.to_owned(),
            bucket: bucket.to_owned(),
            key,
            source: Box::new(source),
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, RuntimeError> {
    std::fs::read(path).map_err(|source| RuntimeError::Read {
        path: path.to_owned(),
        source,
    })
}
