//! Reads references from standard input, one a line, and says of each what a CoCo guest would read of the image:
//! {"digest": the instance it takes, or "", "stage": where it fails, or "", "error": why}.
//!
//! The manifest, the choice and the config are oci-client's and oci-spec's own, over plain HTTP on loopback. What
//! image-rs adds to them before the first layer is stated here again: as many diff_ids as layers, the media types that
//! it unpacks or decrypts, and the os. It is not for layers, which are never asked for.

use std::io::{BufRead, Write};

use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::manifest::{OciImageManifest, IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE};
use oci_client::secrets::RegistryAuth;
use oci_client::Reference;
use oci_spec::image::{ImageConfiguration, MediaType, Os};
use serde_json::json;

const DECRYPTED: [&str; 4] = [
    "application/vnd.oci.image.layer.v1.tar+encrypted",
    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+encrypted",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip+encrypted",
];

struct Failure {
    stage: &'static str,
    error: String,
}

fn failure(stage: &'static str, error: impl std::fmt::Display) -> Failure {
    Failure {
        stage,
        error: error.to_string(),
    }
}

fn unpacked(media_type: &str) -> bool {
    media_type == IMAGE_DOCKER_LAYER_GZIP_MEDIA_TYPE
        || matches!(
            MediaType::from(media_type),
            MediaType::ImageLayer
                | MediaType::ImageLayerGzip
                | MediaType::ImageLayerZstd
                | MediaType::ImageLayerNonDistributable
                | MediaType::ImageLayerNonDistributableGzip
                | MediaType::ImageLayerNonDistributableZstd
        )
}

fn judge(manifest: &OciImageManifest, config: &str) -> Result<(), Failure> {
    let config = ImageConfiguration::from_reader(config.as_bytes())
        .map_err(|error| failure("config", error))?;
    let diff_ids = config.rootfs().diff_ids();
    if diff_ids.len() != manifest.layers.len() {
        return Err(failure("diff_ids", format!("{} diff_ids", diff_ids.len())));
    }
    for (layer, diff_id) in manifest.layers.iter().zip(diff_ids) {
        if !DECRYPTED.contains(&layer.media_type.as_str()) && !unpacked(&layer.media_type) {
            return Err(failure("layer", &layer.media_type));
        }
        if !diff_id.starts_with("sha256:") && !diff_id.starts_with("sha512:") {
            return Err(failure("diff_ids", diff_id));
        }
    }
    if config.os() != &Os::Linux {
        return Err(failure("os", config.os()));
    }
    Ok(())
}

async fn answer(client: &Client, reference: &str) -> serde_json::Value {
    let reference: Reference = match reference.parse() {
        Ok(reference) => reference,
        Err(error) => {
            return json!({"digest": "", "stage": "reference", "error": format!("{error}")})
        }
    };
    match client
        .pull_manifest_and_config(&reference, &RegistryAuth::Anonymous)
        .await
    {
        Err(error) => json!({"digest": "", "stage": "manifest", "error": error.to_string()}),
        Ok((manifest, digest, config)) => match judge(&manifest, &config) {
            Ok(()) => json!({"digest": digest, "stage": "", "error": ""}),
            Err(found) => json!({"digest": digest, "stage": found.stage, "error": found.error}),
        },
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..Default::default()
    });
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let found = runtime.block_on(answer(&client, &line.expect("a line")));
        writeln!(output, "{found}").expect("somebody who reads");
    }
}
