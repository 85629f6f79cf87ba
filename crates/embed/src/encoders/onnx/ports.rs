//! Which inputs and outputs of a file are a tower's, and whether they fit.

use sensorium_onnx::{Graph, OnnxError, Port, Session};

use super::config::{OnnxImageConfig, OnnxTextConfig};

/// Colours of a pixel.
pub(super) const CHANNELS: usize = 3;
/// What exporters call the mask.
const MASK: &str = "attention_mask";
/// What exporters call the vector, where a file gives more than that.
const VECTORS: [&str; 5] = ["embedding", "embeddings", "image_embeds", "text_embeds", "sentence_embedding"];

/// All that goes into a model, and all that comes out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered<'a> {
    pub(crate) inputs: &'a [Port],
    pub(crate) outputs: &'a [Port],
}

impl<'a> From<&'a Graph> for Offered<'a> {
    fn from(Graph { inputs, outputs, .. }: &'a Graph) -> Self {
        Self { inputs, outputs }
    }
}

impl<'a> From<&'a Session> for Offered<'a> {
    fn from(session: &'a Session) -> Self {
        Self { inputs: session.inputs(), outputs: session.outputs() }
    }
}

impl Offered<'_> {
    /// The length of the vector, where a file says it.
    pub(crate) fn dim(self) -> Option<usize> {
        chosen(self.outputs, None).ok().and_then(|port| port.dims.get(1).copied().flatten())
    }
}

/// The pixels that go in and the vector that comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImagePorts {
    pub(super) pixels: Port,
    pub(super) vector: Port,
}

/// The tokens that go in, their mask if it is wanted, and the vector that comes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextPorts {
    pub(super) ids: Port,
    pub(super) mask: Option<Port>,
    pub(super) vector: Port,
}

impl ImagePorts {
    /// Those of a file, if they fit: pixels `(1, 3, size, size)` of floats, a vector `(1, dim)` of floats.
    pub(crate) fn of(
        Offered { inputs, outputs }: Offered<'_>,
        config: &OnnxImageConfig,
        dim: usize,
    ) -> Result<Self, OnnxError> {
        let pixels = match &config.input {
            Some(name) => named(inputs, name, "input")?,
            None => only(inputs, "inputs")?,
        };
        unfed(inputs, &[pixels])?;
        let size = config.size;
        if !pixels.element.is_float() || !fits(pixels, &[1, CHANNELS, size, size]) {
            return Err(odd(format!(
                "its input {pixels}: an image is 1 x {CHANNELS} x {size} x {size} floats"
            )));
        }
        Ok(Self { pixels: pixels.clone(), vector: vector(outputs, config.output.as_deref(), dim)? })
    }
}

impl TextPorts {
    /// Those of a file, if they fit: tokens and mask `(1, tokens)` of integers, a vector `(1, dim)` of floats.
    pub(crate) fn of(
        Offered { inputs, outputs }: Offered<'_>,
        config: &OnnxTextConfig,
        dim: usize,
    ) -> Result<Self, OnnxError> {
        let mask = match &config.mask {
            Some(name) => Some(named(inputs, name, "input")?),
            None => inputs.iter().find(|port| port.name == MASK),
        };
        let ids = match &config.input {
            Some(name) => named(inputs, name, "input")?,
            None => {
                let others: Vec<Port> = inputs.iter().filter(|port| Some(*port) != mask).cloned().collect();
                let name = only(&others, "inputs")?.name.clone();
                named(inputs, &name, "input")?
            }
        };
        let fed: Vec<&Port> = [ids].into_iter().chain(mask).collect();
        unfed(inputs, &fed)?;
        let positions = config.positions;
        for port in fed {
            if !port.element.is_id() || !fits(port, &[1, positions]) {
                return Err(odd(format!("its input {port}: a text is 1 x {positions} integers")));
            }
        }
        let vector = vector(outputs, config.output.as_deref(), dim)?;
        Ok(Self { ids: ids.clone(), mask: mask.cloned(), vector })
    }

    /// The same, if a tokenizer that fills texts up, or does not, gives as many tokens as they take.
    pub(super) fn filled_by(self, fills: bool) -> Result<Self, OnnxError> {
        let of_one_length = self.ids.dims.iter().skip(1).any(Option::is_some);
        if of_one_length && !fills {
            let said =
                "takes texts of one length, and the tokenizer does not fill them up (pad in bundle.toml)";
            return Err(odd(format!("its input {} {said}", self.ids)));
        }
        Ok(self)
    }
}

/// Which of the outputs is the vector.
fn chosen<'a>(outputs: &'a [Port], name: Option<&str>) -> Result<&'a Port, OnnxError> {
    if let Some(name) = name {
        return named(outputs, name, "output");
    }
    let is_vector = |port: &&Port| port.element.is_float() && port.dims.len() == 2;
    let can: Vec<&Port> = outputs.iter().filter(is_vector).collect();
    let called = can.iter().find(|port| VECTORS.contains(&port.name.as_str()));
    match (can.as_slice(), called) {
        ([only], _) | (_, Some(only)) => Ok(only),
        ([], None) => Err(odd(format!("none of its outputs is a vector: {}", listed(outputs)))),
        (_, None) => {
            let said = "several of its outputs may be the vector, and `output` in bundle.toml names none";
            Err(odd(format!("{said}: {}", listed(outputs))))
        }
    }
}

/// The same, if it has the length of the space.
fn vector(outputs: &[Port], name: Option<&str>, dim: usize) -> Result<Port, OnnxError> {
    let found = chosen(outputs, name)?;
    if !found.element.is_float() || !fits(found, &[1, dim]) {
        return Err(odd(format!("its output {found}: a vector of the space is 1 x {dim} floats")));
    }
    Ok(found.clone())
}

fn named<'a>(ports: &'a [Port], name: &str, kind: &str) -> Result<&'a Port, OnnxError> {
    let found = ports.iter().find(|port| port.name == name);
    found.ok_or_else(|| odd(format!("it has no {kind} {name:?}, it has {}", listed(ports))))
}

fn only<'a>(ports: &'a [Port], kind: &str) -> Result<&'a Port, OnnxError> {
    match ports {
        [only] => Ok(only),
        _ => Err(odd(format!("it has {} {kind} where one is wanted: {}", ports.len(), listed(ports)))),
    }
}

/// Refuses inputs that nothing is given to.
fn unfed(inputs: &[Port], fed: &[&Port]) -> Result<(), OnnxError> {
    match inputs.iter().find(|port| !fed.contains(port)) {
        Some(port) => Err(odd(format!("it wants the input {port} too, which this program does not give"))),
        None => Ok(()),
    }
}

/// Whether a port takes or gives these sizes.
fn fits(port: &Port, sizes: &[usize]) -> bool {
    port.dims.len() == sizes.len()
        && port.dims.iter().zip(sizes).all(|(dim, size)| dim.is_none_or(|dim| dim == *size))
}

fn listed(ports: &[Port]) -> String {
    let named: Vec<String> = ports.iter().map(ToString::to_string).collect();
    if named.is_empty() { "none".to_owned() } else { named.join(", ") }
}

const fn odd(what: String) -> OnnxError {
    OnnxError::Ports { what }
}

#[cfg(test)]
mod tests {
    use sensorium_onnx::Element::{self, F16, F32, I32, I64};

    use super::*;

    fn port(name: &str, element: Element, dims: &[usize]) -> Port {
        // 0 stands for any.
        let dims = dims.iter().map(|dim| Some(*dim).filter(|dim| *dim > 0)).collect();
        Port { name: name.to_owned(), element, dims }
    }

    fn image(input: Option<&str>, output: Option<&str>) -> OnnxImageConfig {
        let owned = |name: Option<&str>| name.map(str::to_owned);
        OnnxImageConfig { size: 32, input: owned(input), output: owned(output), cost: None }
    }

    fn text() -> OnnxTextConfig {
        OnnxTextConfig { positions: 77, input: None, mask: None, output: None, cost: None }
    }

    #[test]
    fn exports_of_all_kinds_are_understood() {
        let pixels = [port("image", F32, &[0, 3, 32, 32])];
        let vector = [port("embedding", F32, &[0, 12])];
        ImagePorts::of(Offered { inputs: &pixels, outputs: &vector }, &image(None, None), 12).unwrap();
        let pixels = [port("pixel_values", F16, &[1, 0, 0, 0])];
        let several = [
            port("last_hidden_state", F32, &[0, 0, 12]),
            port("image_embeds", F16, &[1, 12]),
            port("pooled", F32, &[1, 12]),
        ];
        let ports =
            ImagePorts::of(Offered { inputs: &pixels, outputs: &several }, &image(None, None), 12).unwrap();
        assert_eq!(ports.vector.name, "image_embeds");
        let ports = ImagePorts::of(
            Offered { inputs: &pixels, outputs: &several },
            &image(Some("pixel_values"), Some("pooled")),
            12,
        )
        .unwrap();
        assert_eq!(ports.vector.name, "pooled");
        let alone = [port("text", I32, &[0, 77])];
        assert_eq!(
            TextPorts::of(Offered { inputs: &alone, outputs: &vector }, &text(), 12).unwrap().mask,
            None
        );
        let masked = [port("attention_mask", I64, &[0, 0]), port("input_ids", I64, &[0, 0])];
        let ports = TextPorts::of(Offered { inputs: &masked, outputs: &vector }, &text(), 12).unwrap();
        assert_eq!(
            (ports.ids.name.as_str(), ports.mask.unwrap().name.as_str()),
            ("input_ids", "attention_mask")
        );
    }

    #[test]
    fn what_does_not_fit_is_said_by_its_name() {
        let pixels = port("image", F32, &[0, 3, 32, 32]);
        let vector = port("embedding", F32, &[0, 12]);
        let cases = [
            (
                vec![port("image", F32, &[0, 3, 64, 64])],
                vec![vector.clone()],
                "image (f32 of any x 3 x 64 x 64)",
            ),
            (vec![port("image", F32, &[4, 3, 32, 32])], vec![vector.clone()], "4 x 3 x 32 x 32"),
            (vec![port("image", Element::Other, &[0, 3, 32, 32])], vec![vector.clone()], "floats"),
            (
                vec![pixels.clone(), port("text", I64, &[0, 77])],
                vec![vector.clone()],
                "2 inputs where one is wanted",
            ),
            (vec![pixels.clone()], vec![port("embedding", F32, &[0, 13])], "embedding (f32 of any x 13)"),
            (vec![pixels.clone()], vec![port("logits", F32, &[0, 12, 1])], "none of its outputs is a vector"),
            (
                vec![pixels.clone()],
                vec![port("a", F32, &[0, 12]), port("b", F32, &[0, 12])],
                "several of its outputs",
            ),
            (vec![pixels.clone()], Vec::new(), "none of its outputs is a vector: none"),
            (Vec::new(), vec![vector.clone()], "0 inputs"),
        ];
        for (inputs, outputs, said) in cases {
            let error =
                ImagePorts::of(Offered { inputs: &inputs, outputs: &outputs }, &image(None, None), 12)
                    .unwrap_err();
            assert!(error.to_string().contains(said), "{error}, not {said}");
        }
        let outputs = [vector];
        let error =
            ImagePorts::of(Offered { inputs: &[pixels], outputs: &outputs }, &image(Some("x"), None), 12)
                .unwrap_err();
        assert!(error.to_string().contains("no input \"x\", it has image"), "{error}");
        let typed = [
            port("input_ids", I64, &[0, 0]),
            port("attention_mask", I64, &[0, 0]),
            port("token_type_ids", I64, &[0, 0]),
        ];
        let config = OnnxTextConfig { input: Some("input_ids".to_owned()), ..text() };
        let error = TextPorts::of(Offered { inputs: &typed, outputs: &outputs }, &config, 12).unwrap_err();
        assert!(error.to_string().contains("it wants the input token_type_ids"), "{error}");
        let short = [port("text", I32, &[0, 64])];
        let error = TextPorts::of(Offered { inputs: &short, outputs: &outputs }, &text(), 12).unwrap_err();
        assert!(error.to_string().contains("a text is 1 x 77 integers"), "{error}");
    }
}
