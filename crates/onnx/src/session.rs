//! A model that runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use half::f16;
use half::slice::HalfFloatSliceExt as _;
use ort::session::{RunOptions, SessionInputValue};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};
use parking_lot::{Mutex, MutexGuard};
use sensorium_types::Cancel;

use crate::{Element, Library, OnnxError, Port, library};

/// How often somebody looks whether a run is still wanted.
const LOOK: Duration = Duration::from_millis(5);

/// A model that runs, one run at a time, on threads of its own.
#[derive(Debug)]
pub struct Session {
    /// The runtime is not safe to be called twice at once for all of its providers.
    session: Mutex<ort::session::Session>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
}

/// Numbers that a model is given, which become what it wants.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// Floats of 32 or 16 bits.
    Floats(&'a [f32]),
    /// Integers of 32 or 64 bits.
    Ids(&'a [u32]),
}

/// An input of a run.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Which one.
    pub port: &'a Port,
    /// Its sizes.
    pub dims: &'a [usize],
    /// Its numbers, as many as the sizes say.
    pub values: Values<'a>,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its sizes.
    pub dims: Vec<usize>,
    /// Its numbers.
    pub values: Vec<f32>,
}

impl Session {
    /// Loads a model from a file, whose other files lie beside it, onto so many threads of the processor. Takes as long as the model
    /// is large, and cannot be stopped.
    ///
    /// # Errors
    /// Those of [`library()`]; [`OnnxError::Refused`] for a model that it does not take.
    pub fn load(path: &Path, threads: usize) -> Result<Self, OnnxError> {
        let library = library()?;
        let refused = |what: String| OnnxError::Refused { version: library.version.clone(), what };
        // Of inputs and outputs of kinds that nobody knows the wrapper makes a panic.
        let session = catch_unwind(AssertUnwindSafe(|| commit(library, path, threads)))
            .unwrap_or_else(|_| Err("its inputs or outputs are of a kind that is not known".to_owned()))
            .map_err(refused)?;
        let (inputs, outputs) = (ports(session.inputs()), ports(session.outputs()));
        Ok(Self { session: Mutex::new(session), inputs, outputs })
    }

    /// What it wants.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What it gives.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Runs it once, and gives one of its outputs. Others wait meanwhile. Stops within some milliseconds, at the end of the step that is being
    /// computed, once the flag is set.
    ///
    /// # Errors
    /// [`OnnxError::Cancelled`] once the flag is set, [`OnnxError::Ports`] for values of another kind or number than the input's,
    /// [`OnnxError::Run`] for what the runtime says.
    pub fn run(
        &self,
        inputs: &[Input<'_>],
        output: &str,
        cancel: Option<&Cancel>,
    ) -> Result<Output, OnnxError> {
        let values = inputs
            .iter()
            .map(|input| Ok((input.port.name.as_str(), value(input)?)))
            .collect::<Result<Vec<_>, OnnxError>>()?;
        let mut session = self.alone(cancel)?;
        // A null where an output should be is a panic of the wrapper.
        let ran = catch_unwind(AssertUnwindSafe(|| run(&mut session, values, output, cancel)));
        drop(session);
        if cancel.is_some_and(Cancel::is_cancelled) {
            return Err(OnnxError::Cancelled);
        }
        ran.unwrap_or_else(|_| Err(OnnxError::Run { what: "it gave no output".to_owned() }))
    }

    fn alone(&self, cancel: Option<&Cancel>) -> Result<MutexGuard<'_, ort::session::Session>, OnnxError> {
        let Some(cancel) = cancel else { return Ok(self.session.lock()) };
        loop {
            if cancel.is_cancelled() {
                return Err(OnnxError::Cancelled);
            }
            if let Some(session) = self.session.try_lock_for(LOOK) {
                return Ok(session);
            }
        }
    }
}

fn commit(library: &Library, path: &Path, threads: usize) -> Result<ort::session::Session, String> {
    let said = |error: ort::Error<ort::session::builder::SessionBuilder>| error.to_string();
    ort::session::Session::builder(&library.environment)
        .map_err(|error| error.to_string())?
        .with_intra_threads(threads.max(1))
        .map_err(said)?
        .with_inter_threads(1)
        .map_err(said)?
        // Threads that wait for the next run take no time of others.
        .with_intra_op_spinning(false)
        .map_err(said)?
        .commit_from_file(path)
        .map_err(|error| error.to_string())
}

fn run(
    session: &mut ort::session::Session,
    values: Vec<(&str, SessionInputValue<'_>)>,
    output: &str,
    cancel: Option<&Cancel>,
) -> Result<Output, OnnxError> {
    let failed = |error: ort::Error| OnnxError::Run { what: error.to_string() };
    let options = RunOptions::new().map_err(failed)?;
    std::thread::scope(|scope| {
        let (_running, ended) = mpsc::channel::<()>();
        if let Some(cancel) = cancel {
            let options = &options;
            // Ends with the sender, which goes with this run.
            scope.spawn(move || {
                while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    if cancel.is_cancelled() {
                        let _ = options.terminate();
                        return;
                    }
                }
            });
        }
        let outputs = session.run_with_options(values, &options).map_err(failed)?;
        let missing = || OnnxError::Run { what: format!("it gave no output {output}") };
        let value = outputs.iter().find(|(name, _)| *name == output).ok_or_else(missing)?.1;
        let ValueType::Tensor { ty, .. } = value.dtype() else { return Err(missing()) };
        let (shape, values) = match element(*ty) {
            Element::F32 => {
                let (shape, values) = value.try_extract_tensor::<f32>().map_err(failed)?;
                (shape, values.to_vec())
            }
            Element::F16 => {
                let (shape, values) = value.try_extract_tensor::<f16>().map_err(failed)?;
                let mut floats = vec![0.0; values.len()];
                values.convert_to_f32_slice(&mut floats);
                (shape, floats)
            }
            Element::I32 | Element::I64 | Element::Other => {
                return Err(OnnxError::Run { what: format!("its output {output} is not of floats") });
            }
        };
        let dims = shape.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).collect();
        Ok(Output { dims, values })
    })
}

/// An input as the runtime takes it.
fn value(input: &Input<'_>) -> Result<SessionInputValue<'static>, OnnxError> {
    let Input { port, dims, values } = *input;
    let failed = |error: ort::Error| OnnxError::Ports { what: format!("its input {port}: {error}") };
    let dims = dims.to_vec();
    let made: SessionInputValue<'static> = match (values, port.element) {
        (Values::Floats(values), Element::F32) => {
            Tensor::from_array((dims, values.to_vec())).map_err(failed)?.into()
        }
        (Values::Floats(values), Element::F16) => {
            let mut halves = vec![f16::ZERO; values.len()];
            halves.convert_from_f32_slice(values);
            Tensor::from_array((dims, halves)).map_err(failed)?.into()
        }
        (Values::Ids(ids), Element::I64) => {
            let ids: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
            Tensor::from_array((dims, ids)).map_err(failed)?.into()
        }
        (Values::Ids(ids), Element::I32) => {
            let ids: Result<Vec<i32>, _> = ids.iter().map(|id| i32::try_from(*id)).collect();
            let ids = ids.map_err(|_| OnnxError::Ports {
                what: format!("a token that its input {port} cannot hold"),
            })?;
            Tensor::from_array((dims, ids)).map_err(failed)?.into()
        }
        (Values::Floats(_) | Values::Ids(_), _) => {
            return Err(OnnxError::Ports {
                what: format!("its input {port} takes other values than it is given"),
            });
        }
    };
    Ok(made)
}

fn ports(outlets: &[Outlet]) -> Vec<Port> {
    let port = |outlet: &Outlet| {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => {
                let dims = shape.iter().map(|dim| usize::try_from(*dim).ok()).collect();
                Port { name, element: element(*ty), dims }
            }
            ValueType::Sequence(_) | ValueType::Map { .. } | ValueType::Optional(_) => {
                Port { name, element: Element::Other, dims: Vec::new() }
            }
        }
    };
    outlets.iter().map(port).collect()
}

fn element(ty: TensorElementType) -> Element {
    if ty == TensorElementType::Float32 {
        Element::F32
    } else if ty == TensorElementType::Float16 {
        Element::F16
    } else if ty == TensorElementType::Int32 {
        Element::I32
    } else if ty == TensorElementType::Int64 {
        Element::I64
    } else {
        Element::Other
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::sync::Barrier;
    use std::time::Instant;

    use super::*;

    fn model(name: &str) -> PathBuf {
        PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"))
            .join("../../tests/golden/onnx")
            .join(name)
    }

    /// A model, or nothing, aloud, where there is no library.
    fn loaded(name: &str) -> Option<Session> {
        if let Err(error @ (OnnxError::NoLibrary { .. } | OnnxError::Library { .. })) = library() {
            writeln!(std::io::stderr(), "SKIPPED: runs of {name}: {error}").unwrap();
            return None;
        }
        Some(Session::load(&model(name), 2).unwrap())
    }

    #[test]
    fn a_file_says_by_itself_what_the_library_says_of_it() {
        for name in [
            "open-clip/visual/model.onnx",
            "open-clip/textual/model.onnx",
            "masked/visual/model.onnx",
            "masked/textual/model.onnx",
        ] {
            let Some(session) = loaded(name) else { return };
            let file = crate::wire::tests::Bytes(fs_err::read(model(name)).unwrap());
            let graph = crate::Graph::read(&file).unwrap();
            assert_eq!(
                (graph.inputs.as_slice(), graph.outputs.as_slice()),
                (session.inputs(), session.outputs()),
                "{name}"
            );
        }
    }

    #[test]
    fn values_of_another_kind_or_number_are_refused() {
        let Some(session) = loaded("open-clip/visual/model.onnx") else { return };
        let [port] = session.inputs() else { panic!("one input") };
        let pixels = vec![0.5; 3 * 32 * 32];
        let run = |dims: &[usize], values| session.run(&[Input { port, dims, values }], "embedding", None);
        let whole = run(&[1, 3, 32, 32], Values::Floats(&pixels)).unwrap();
        assert_eq!((whole.dims, whole.values.len()), (vec![1, 12], 12));
        assert!(matches!(run(&[1, 3, 32, 31], Values::Floats(&pixels)), Err(OnnxError::Ports { .. })));
        assert!(matches!(run(&[1, 3, 32, 32], Values::Ids(&[1])), Err(OnnxError::Ports { .. })));
        let few = &pixels[..3 * 16 * 16];
        assert!(matches!(run(&[1, 3, 16, 16], Values::Floats(few)), Err(OnnxError::Run { .. })));
        let missing = session.run(
            &[Input { port, dims: &[1, 3, 32, 32], values: Values::Floats(&pixels) }],
            "gone",
            None,
        );
        assert!(matches!(missing, Err(OnnxError::Run { .. })));
        assert!(session.run(&[], "embedding", None).is_err());
    }

    #[test]
    fn a_run_is_stopped_in_its_midst() {
        let Some(session) = loaded("odd/slow.onnx") else { return };
        let port = session.inputs()[0].clone();
        let pixels = vec![0.5; 3 * 32 * 32];
        let soon = Cancel::new().until(Instant::now() + Duration::from_millis(200));
        let input = Input { port: &port, dims: &[1, 3, 32, 32], values: Values::Floats(&pixels) };
        let given = vec![("image", value(&input).unwrap())];
        // Below what tells who gave up: the runtime says itself that it was told to end.
        let ran = run(&mut session.session.lock(), given, "embedding", Some(&soon));
        let Err(OnnxError::Run { what }) = ran else { panic!("{ran:?}") };
        assert!(what.contains("terminate"), "{what}");
        // One that waits for another's run ends too, and before that.
        let (long, begun) = (Cancel::new(), Barrier::new(2));
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let held = session.session.lock();
                begun.wait();
                while !long.is_cancelled() {
                    std::thread::sleep(LOOK);
                }
                drop(held);
            });
            begun.wait();
            let soon = Cancel::new().until(Instant::now() + Duration::from_millis(50));
            let waited = session.run(std::slice::from_ref(&input), "embedding", Some(&soon));
            assert!(matches!(waited, Err(OnnxError::Cancelled)));
            long.cancel();
            other.join().unwrap();
        });
    }

    #[test]
    fn what_the_library_does_not_take_is_an_error() {
        if loaded("odd/longer.onnx").is_none() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let whole = fs_err::read(model("open-clip/visual/model.onnx")).unwrap();
        let missing = folder.path().join("gone.onnx");
        assert!(matches!(Session::load(&missing, 1), Err(OnnxError::Refused { .. })));
        for (at, bytes) in [&b"no model"[..], &whole[..whole.len() / 3], &[0; 9]].into_iter().enumerate() {
            let path = folder.path().join(format!("{at}.onnx"));
            fs_err::write(&path, bytes).unwrap();
            assert!(matches!(Session::load(&path, 1), Err(OnnxError::Refused { .. })), "{at}");
        }
    }
}
