//! What a file says of itself: inputs, outputs, and the files that its numbers lie in. Read without the library, and without the
//! numbers, so that a model of gigabytes is judged in a moment.
//!
//! # Source
//! `onnx.proto` of ONNX 1.16; numbers of fields are the constants below

use std::collections::{BTreeSet, HashSet};

use crate::wire::{Source, Span, Value, Wire};
use crate::{Element, OnnxError, Port};

/// Deepest graph within a graph.
const MAX_DEPTH: u32 = 32;
/// Most inputs or outputs.
const MAX_PORTS: usize = 1000;
/// Most files beside it.
const MAX_FILES: usize = 1000;

/// Numbers of fields.
mod field {
    pub(super) mod model {
        pub(crate) const IR_VERSION: u64 = 1;
        pub(crate) const GRAPH: u64 = 7;
        pub(crate) const FUNCTION: u64 = 25;
    }
    pub(super) mod graph {
        pub(crate) const NODE: u64 = 1;
        pub(crate) const INITIALIZER: u64 = 5;
        pub(crate) const INPUT: u64 = 11;
        pub(crate) const OUTPUT: u64 = 12;
        pub(crate) const SPARSE: u64 = 15;
    }
    pub(super) mod function {
        pub(crate) const NODE: u64 = 7;
    }
    pub(super) mod node {
        pub(crate) const ATTRIBUTE: u64 = 5;
    }
    pub(super) mod attribute {
        pub(crate) const TENSOR: u64 = 5;
        pub(crate) const GRAPH: u64 = 6;
        pub(crate) const TENSORS: u64 = 10;
        pub(crate) const GRAPHS: u64 = 11;
        pub(crate) const SPARSE: u64 = 22;
        pub(crate) const SPARSES: u64 = 23;
    }
    pub(super) mod sparse {
        pub(crate) const VALUES: u64 = 1;
        pub(crate) const INDICES: u64 = 2;
    }
    pub(super) mod tensor {
        pub(crate) const NAME: u64 = 8;
        pub(crate) const EXTERNAL: u64 = 13;
    }
    pub(super) mod entry {
        pub(crate) const KEY: u64 = 1;
        pub(crate) const VALUE: u64 = 2;
    }
    pub(super) mod value {
        pub(crate) const NAME: u64 = 1;
        pub(crate) const TYPE: u64 = 2;
    }
    pub(super) mod kind {
        pub(crate) const TENSOR: u64 = 1;
    }
    pub(super) mod tensor_type {
        pub(crate) const ELEMENT: u64 = 1;
        pub(crate) const SHAPE: u64 = 2;
    }
    pub(super) mod shape {
        pub(crate) const DIM: u64 = 1;
    }
    pub(super) mod dim {
        pub(crate) const SIZE: u64 = 1;
    }
}

/// What a model says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// What it wants, without what it has itself.
    pub inputs: Vec<Port>,
    /// What it gives.
    pub outputs: Vec<Port>,
    /// Names of files with numbers of it, as it writes them: relative to its own folder.
    pub beside: Vec<String>,
}

impl Graph {
    /// Reads a file. Every length must fit into what encloses it, so that a file that was cut off is none.
    ///
    /// # Errors
    /// [`OnnxError::Format`] for another file, [`OnnxError::Read`] if it cannot be read.
    pub fn read(source: &dyn Source) -> Result<Self, OnnxError> {
        let mut reading = Reading { wire: Wire::new(source), own: HashSet::new(), beside: BTreeSet::new() };
        let mut model = reading.wire.whole();
        let (mut graph, mut is_versioned) = (None, false);
        while let Some((number, value)) = reading.wire.field(&mut model)? {
            match (number, value) {
                (field::model::IR_VERSION, Value::Number(_)) => is_versioned = true,
                (field::model::GRAPH, Value::Span(span)) => graph = Some(reading.main(span)?),
                (field::model::FUNCTION, Value::Span(span)) => {
                    reading.nodes(span, field::function::NODE, 0)?
                }
                (_, Value::Number(_) | Value::Span(_) | Value::Fixed) => {}
            }
        }
        match graph.filter(|_| is_versioned) {
            Some((inputs, outputs)) => {
                let inputs = inputs.into_iter().filter(|port| !reading.own.contains(&port.name)).collect();
                Ok(Self { inputs, outputs, beside: reading.beside.into_iter().collect() })
            }
            None => Err(OnnxError::Format { what: "it has no graph".to_owned() }),
        }
    }
}

struct Reading<'a> {
    wire: Wire<'a>,
    /// Names of numbers that the main graph has itself; older files list them among its inputs.
    own: HashSet<String>,
    beside: BTreeSet<String>,
}

impl Reading<'_> {
    /// The inputs and outputs of the main graph.
    fn main(&mut self, mut graph: Span) -> Result<(Vec<Port>, Vec<Port>), OnnxError> {
        self.inner(graph, 0)?;
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        while let Some((number, value)) = self.wire.field(&mut graph)? {
            match (number, value) {
                (field::graph::INITIALIZER, Value::Span(span)) => {
                    let name = self.tensor(span)?;
                    self.own.insert(name);
                }
                (field::graph::INPUT, Value::Span(span)) => inputs.push(self.port(span)?),
                (field::graph::OUTPUT, Value::Span(span)) => outputs.push(self.port(span)?),
                (_, Value::Number(_) | Value::Span(_) | Value::Fixed) => {}
            }
            // Older files list what they have themselves among their inputs.
            if inputs.len().max(outputs.len()) > MAX_PORTS + self.own.len() {
                return Err(OnnxError::Format { what: format!("more than {MAX_PORTS} inputs or outputs") });
            }
        }
        Ok((inputs, outputs))
    }

    /// The files that numbers of a graph lie in.
    fn inner(&mut self, mut graph: Span, depth: u32) -> Result<(), OnnxError> {
        if depth > MAX_DEPTH {
            return Err(OnnxError::Format {
                what: format!("graphs within graphs, more than {MAX_DEPTH} deep"),
            });
        }
        let whole = graph;
        while let Some((number, value)) = self.wire.field(&mut graph)? {
            match (number, value) {
                (field::graph::INITIALIZER, Value::Span(span)) => drop(self.tensor(span)?),
                (field::graph::SPARSE, Value::Span(span)) => self.sparse(span)?,
                (_, Value::Number(_) | Value::Span(_) | Value::Fixed) => {}
            }
        }
        self.nodes(whole, field::graph::NODE, depth)
    }

    /// The same of the attributes of nodes, which are fields of this number.
    fn nodes(&mut self, mut within: Span, node: u64, depth: u32) -> Result<(), OnnxError> {
        while let Some((number, value)) = self.wire.field(&mut within)? {
            let Value::Span(mut span) = value else { continue };
            if number != node {
                continue;
            }
            while let Some((number, value)) = self.wire.field(&mut span)? {
                if let (field::node::ATTRIBUTE, Value::Span(attribute)) = (number, value) {
                    self.attribute(attribute, depth)?;
                }
            }
        }
        Ok(())
    }

    fn attribute(&mut self, mut attribute: Span, depth: u32) -> Result<(), OnnxError> {
        use field::attribute::{GRAPH, GRAPHS, SPARSE, SPARSES, TENSOR, TENSORS};
        while let Some((number, value)) = self.wire.field(&mut attribute)? {
            match (number, value) {
                (TENSOR | TENSORS, Value::Span(span)) => drop(self.tensor(span)?),
                (SPARSE | SPARSES, Value::Span(span)) => self.sparse(span)?,
                (GRAPH | GRAPHS, Value::Span(span)) => self.inner(span, depth + 1)?,
                (_, Value::Number(_) | Value::Span(_) | Value::Fixed) => {}
            }
        }
        Ok(())
    }

    fn sparse(&mut self, mut sparse: Span) -> Result<(), OnnxError> {
        while let Some((number, value)) = self.wire.field(&mut sparse)? {
            if let (field::sparse::VALUES | field::sparse::INDICES, Value::Span(span)) = (number, value) {
                self.tensor(span)?;
            }
        }
        Ok(())
    }

    /// The name of a tensor; notes the file that its numbers lie in, if it is another.
    fn tensor(&mut self, mut tensor: Span) -> Result<String, OnnxError> {
        let mut name = String::new();
        while let Some((number, value)) = self.wire.field(&mut tensor)? {
            match (number, value) {
                (field::tensor::NAME, Value::Span(span)) => name = self.wire.text(span)?,
                (field::tensor::EXTERNAL, Value::Span(span)) => self.external(span)?,
                (_, Value::Number(_) | Value::Span(_) | Value::Fixed) => {}
            }
        }
        Ok(name)
    }

    fn external(&mut self, mut entry: Span) -> Result<(), OnnxError> {
        let (mut key, mut value) = (String::new(), String::new());
        while let Some((number, field)) = self.wire.field(&mut entry)? {
            match (number, field) {
                (field::entry::KEY, Value::Span(span)) => key = self.wire.text(span)?,
                (field::entry::VALUE, Value::Span(span)) => value = self.wire.text(span)?,
                (_, Value::Number(_) | Value::Span(_) | Value::Fixed) => {}
            }
        }
        if key == "location" {
            self.beside.insert(value);
        }
        if self.beside.len() > MAX_FILES {
            return Err(OnnxError::Format { what: format!("numbers in more than {MAX_FILES} files") });
        }
        Ok(())
    }

    fn port(&mut self, mut value: Span) -> Result<Port, OnnxError> {
        let mut port = Port { name: String::new(), element: Element::Other, dims: Vec::new() };
        while let Some((number, value)) = self.wire.field(&mut value)? {
            match (number, value) {
                (field::value::NAME, Value::Span(span)) => port.name = self.wire.text(span)?,
                (field::value::TYPE, Value::Span(mut kind)) => {
                    while let Some((number, value)) = self.wire.field(&mut kind)? {
                        if let (field::kind::TENSOR, Value::Span(span)) = (number, value) {
                            self.tensor_type(span, &mut port)?;
                        }
                    }
                }
                (_, Value::Number(_) | Value::Span(_) | Value::Fixed) => {}
            }
        }
        Ok(port)
    }

    fn tensor_type(&mut self, mut kind: Span, port: &mut Port) -> Result<(), OnnxError> {
        while let Some((number, value)) = self.wire.field(&mut kind)? {
            match (number, value) {
                (field::tensor_type::ELEMENT, Value::Number(number)) => {
                    port.element = Element::of_number(number)
                }
                (field::tensor_type::SHAPE, Value::Span(mut shape)) => {
                    while let Some((number, value)) = self.wire.field(&mut shape)? {
                        if let (field::shape::DIM, Value::Span(span)) = (number, value) {
                            port.dims.push(self.dim(span)?);
                        }
                    }
                }
                (_, Value::Number(_) | Value::Span(_) | Value::Fixed) => {}
            }
        }
        Ok(())
    }

    /// A size, `None` where it has a name alone or nothing at all.
    fn dim(&mut self, mut dim: Span) -> Result<Option<usize>, OnnxError> {
        let mut size = None;
        while let Some((number, value)) = self.wire.field(&mut dim)? {
            if let (field::dim::SIZE, Value::Number(number)) = (number, value) {
                // A size below 0 is any, as one that has a name.
                size = i64::try_from(number).ok().and_then(|number| usize::try_from(number).ok());
            }
        }
        Ok(size)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::wire::tests::Bytes;

    fn file(name: &str) -> Vec<u8> {
        let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"));
        fs_err::read(folder.join("../../tests/golden/onnx").join(name)).unwrap()
    }

    fn port(name: &str, element: Element, dims: &[Option<usize>]) -> Port {
        Port { name: name.to_owned(), element, dims: dims.to_vec() }
    }

    #[test]
    fn inputs_outputs_and_files_beside_it_are_told() {
        let any = None;
        let of = |name| Graph::read(&Bytes(file(name))).unwrap();
        let graph = of("open-clip/visual/model.onnx");
        assert_eq!(graph.inputs, [port("image", Element::F32, &[any, Some(3), Some(32), Some(32)])]);
        assert_eq!(graph.outputs, [port("embedding", Element::F32, &[any, Some(12)])]);
        assert!(graph.beside.is_empty());
        let text = of("open-clip/textual/model.onnx");
        assert_eq!(text.inputs, [port("text", Element::I32, &[any, Some(20)])]);
        let halves = of("masked/visual/model.onnx");
        assert_eq!(
            halves.inputs,
            [port("pixel_values", Element::F16, &[Some(1), Some(3), Some(32), Some(32)])]
        );
        assert_eq!(halves.beside, ["model.onnx.data"]);
        let masked = of("masked/textual/model.onnx");
        let tokens = [Some(1), Some(20)];
        assert_eq!(
            masked.inputs,
            [port("input_ids", Element::I64, &tokens), port("attention_mask", Element::I64, &tokens)]
        );
        assert_eq!(of("odd/elsewhere.onnx").beside, ["../../secret"]);
    }

    /// Bytes of a field that encloses others; their number takes two bytes.
    fn field(number: u8, inner: &[u8]) -> Vec<u8> {
        let low = u8::try_from(inner.len() & 0x7f).unwrap() | 0x80;
        [&[number << 3 | 2, low, u8::try_from(inner.len() >> 7).unwrap()][..], inner].concat()
    }

    /// A model of a graph.
    fn model(graph: &[u8]) -> Bytes {
        Bytes([&[0x08, 8][..], &field(7, graph)].concat())
    }

    #[test]
    fn what_a_graph_has_itself_is_no_input_and_files_of_inner_graphs_count() {
        let named = |name: &[u8]| field(1, name);
        let (own, given) =
            (field(5, &field(8, b"w")), [field(11, &named(b"w")), field(11, &named(b"x"))].concat());
        let graph = Graph::read(&model(&[own, given].concat())).unwrap();
        assert_eq!(graph.inputs, [port("x", Element::Other, &[])]);
        let entry = [field(1, b"location"), field(2, b"far")].concat();
        let tensor = field(13, &entry);
        // A node with an attribute that is a graph with a node with an attribute that is a tensor.
        let inner = field(1, &field(5, &field(5, &tensor)));
        let outer = field(1, &field(5, &field(6, &inner)));
        assert_eq!(Graph::read(&model(&outer)).unwrap().beside, ["far"]);
        let within = |depth: u32| {
            let deep = (0..depth).fold(tensor.clone(), |deep, _| field(6, &field(1, &field(5, &deep))));
            Graph::read(&model(&field(1, &field(5, &deep))))
        };
        assert!(within(MAX_DEPTH).is_ok());
        assert!(within(MAX_DEPTH + 1).unwrap_err().to_string().contains("deep"));
    }

    #[test]
    fn what_was_cut_off_or_changed_is_an_error_or_another_model_and_never_more() {
        for name in ["open-clip/textual/model.onnx", "masked/visual/model.onnx", "odd/slow.onnx"] {
            let whole = file(name);
            let step = (whole.len() / 400).max(1);
            // Behind the graph stand the releases of operators alone, each a field.
            for end in (0..whole.len() * 9 / 10).step_by(step) {
                assert!(Graph::read(&Bytes(whole[..end].to_vec())).is_err(), "{name} of {end} bytes");
            }
            let mut refused = 0;
            for at in (0..whole.len()).step_by(step) {
                for mask in [0x01, 0x80, 0xff] {
                    let mut changed = whole.clone();
                    changed[at] ^= mask;
                    refused += u32::from(Graph::read(&Bytes(changed)).is_err());
                }
            }
            assert!(refused > 0, "{name}");
        }
    }
}
