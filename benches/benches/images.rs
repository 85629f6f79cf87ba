//! Photos end to end against decoding alone and embedding alone, and large JPEGs.
//!
//! The bar: wall time end to end at most 1.15 times (decoding alone + embedding alone), each with both cores busy.
//! Every figure is a ratio measured in one run.

#![expect(clippy::expect_used, reason = "a bench stops at its first error")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use sensorium_benches::{THREADS, bundle, data, files, index_folder, pool, report, timed};
use sensorium_embed::Input;
use sensorium_engine::{encoder_spec, input_of};
use sensorium_media::MediaInput;
use serde_json::json;

const PHOTOS: usize = 1000;
const LARGE_JPEGS: usize = 200;
const BATCH: usize = 8;

fn main() {
    let Some(data) = data() else { return };
    let photos = files(&data.join("images/flickr8k"), "jpg", PHOTOS).expect("photos");
    measure("photos", &photos);

    let folder = tempfile::tempdir().expect("temporary folder");
    let large = large_jpegs(&photos, folder.path());
    measure("jpeg_12_megapixels", &large);
    against_vips(&large);
}

fn measure(name: &str, paths: &[PathBuf]) {
    let bundle = bundle();
    let pool = pool(encoder_spec(bundle.cutting()));
    let (inputs, decode) = timed(|| decode_all(&pool, paths));
    let count = inputs.len();
    let (_, embed) = timed(|| {
        for batch in inputs.chunks(BATCH) {
            bundle.embed(batch).expect("embeds");
        }
    });
    drop((pool, inputs));

    let folder = tempfile::tempdir().expect("temporary folder");
    let media = folder.path().join("media");
    fs_err::create_dir(&media).expect("folder");
    for (index, path) in paths.iter().enumerate() {
        std::os::unix::fs::symlink(path, media.join(format!("{index}.jpg"))).expect("link");
    }
    let (summary, whole) = index_folder(folder.path().join("data"), media, bundle);
    let (decode, embed, whole) = (decode.as_secs_f64(), embed.as_secs_f64(), whole.as_secs_f64());
    report(
        name,
        json!({
            "files": paths.len(), "decoded": count, "indexed": summary.indexed,
            "decode_s": decode, "embed_s": embed, "end_to_end_s": whole,
            "end_to_end_over_parts": whole / (decode + embed),
            "photos_a_second": summary.indexed as f64 / whole,
        }),
    );
}

/// Decodes on [`THREADS`] threads; files that fail are left out.
fn decode_all(pool: &sensorium_media::MediaPool, paths: &[PathBuf]) -> Vec<Input> {
    let next = Mutex::new(paths.iter());
    let inputs = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let cancel = sensorium_media::Cancel::default();
                loop {
                    let path = next.lock().expect("no panic").next().cloned();
                    let Some(path) = path else { return };
                    if let Ok(decoded) = pool.decode(MediaInput::Path(path), &cancel) {
                        let parts = decoded.parts.into_iter().map(|part| input_of(part.content));
                        inputs.lock().expect("no panic").extend(parts);
                    }
                }
            });
        }
    });
    inputs.into_inner().expect("no panic")
}

/// Enlarges photos to 4000 x 3000 by ffmpeg.
fn large_jpegs(photos: &[PathBuf], folder: &Path) -> Vec<PathBuf> {
    (0..LARGE_JPEGS)
        .map(|index| {
            let large = folder.join(format!("{index}.jpg"));
            let photo = photos.get(index % photos.len()).expect("a photo");
            let done = Command::new("ffmpeg")
                .args(["-nostdin", "-v", "error", "-i"])
                .arg(photo)
                .args(["-vf", "scale=4000:3000:flags=bicubic,noise=alls=6", "-q:v", "3"])
                .arg(&large)
                .status()
                .expect("ffmpeg starts");
            assert!(done.success(), "ffmpeg enlarges a photo");
            large
        })
        .collect()
}

#[expect(clippy::print_stderr, reason = "a skipped comparison is said aloud")]
fn against_vips(large: &[PathBuf]) {
    if Command::new("vipsthumbnail").arg("--version").output().is_err() {
        eprintln!("SKIPPED: vipsthumbnail is not installed (Debian package libvips-tools)");
        return;
    }
    let output = tempfile::tempdir().expect("temporary folder");
    let (_, vips) = timed(|| {
        std::thread::scope(|scope| {
            for share in large.chunks(large.len().div_ceil(THREADS)) {
                let target = output.path().join("%s.png");
                scope.spawn(move || {
                    let done = Command::new("vipsthumbnail")
                        .env("VIPS_CONCURRENCY", "1")
                        .args(["--size", "260x260!", "-o"])
                        .arg(target)
                        .args(share)
                        .status()
                        .expect("vipsthumbnail starts");
                    assert!(done.success(), "vipsthumbnail succeeds");
                });
            }
        });
    });
    let pool = pool(encoder_spec(bundle().cutting()));
    let (_, ours) = timed(|| decode_all(&pool, large));
    report(
        "jpeg_against_vips",
        json!({
            "files": large.len(), "ours_s": ours.as_secs_f64(), "vipsthumbnail_s": vips.as_secs_f64(),
            "speed_over_vips": vips.as_secs_f64() / ours.as_secs_f64(),
        }),
    );
}
