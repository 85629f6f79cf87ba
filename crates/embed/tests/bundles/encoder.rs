//! The encoder gives what the bundle gives, to whoever still waits.

use std::sync::Arc;
use std::time::Duration;

use crate::small::{Small, audio, image, texts};
use sensorium_embed::{Batcher, BatcherConfig, Bundle, EmbedError, Input, Priority, until_cancelled};
use sensorium_types::Cancel;

fn start(bundle: &Arc<Bundle>, config: BatcherConfig) -> Batcher {
    Batcher::start(Arc::clone(bundle), config).unwrap()
}

#[test]
fn many_callers_get_their_own_vectors_in_order() {
    let small = Small::new();
    let bundle = small.load().unwrap();
    let encoder = start(&bundle, BatcherConfig { queue_cost: 3_000, batch_cost: 1_200 });
    let mut inputs = texts();
    inputs.extend([image(1), audio(0.5), image(2), audio(2.0)]);
    let expected = bundle.embed(&inputs).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..6 {
            let (encoder, inputs, expected) = (&encoder, &inputs, &expected);
            scope.spawn(move || {
                let priority = if caller % 2 == 0 { Priority::Bulk } else { Priority::Query };
                for round in 0..3 {
                    // A full queue refuses a query: it asks again.
                    let ticket = loop {
                        match encoder.submit(inputs.clone(), priority) {
                            Ok(ticket) => break ticket,
                            Err(EmbedError::Overloaded) => std::thread::sleep(Duration::from_millis(5)),
                            Err(error) => panic!("{error}"),
                        }
                    };
                    let vectors = ticket.wait(&Cancel::new()).unwrap();
                    for (vector, expected) in vectors.iter().zip(expected) {
                        let near = vector.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5);
                        assert!(near, "caller {caller}, round {round}");
                    }
                }
            });
        }
    });
}

#[test]
fn a_query_and_a_caller_who_left_disturb_nobody() {
    let small = Small::new();
    let bundle = small.load().unwrap();
    let encoder = start(&bundle, BatcherConfig { queue_cost: 1_000_000, batch_cost: 2_200 });
    let images = || (0..8).map(image).collect::<Vec<_>>();
    let expected = bundle.embed(&[images(), texts()].concat()).unwrap();
    let bulk = encoder.submit(images(), Priority::Bulk).unwrap();
    drop(encoder.submit(images(), Priority::Bulk).unwrap());
    let query = encoder.submit(texts(), Priority::Query).unwrap();
    let found = [bulk.wait(&Cancel::new()).unwrap(), query.wait(&Cancel::new()).unwrap()].concat();
    assert_eq!(found.len(), expected.len());
    for (vector, expected) in found.iter().zip(&expected) {
        assert!(vector.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1e-5));
    }
}

#[test]
fn whatever_is_asked_under_a_flag_that_is_set_is_not_begun() {
    let small = Small::new();
    let bundle = small.load().unwrap();
    let cancel = Cancel::new();
    let inputs = [texts(), vec![image(1), audio(0.5)]].concat();
    let whole = until_cancelled(&cancel, || bundle.embed(&inputs)).unwrap();
    cancel.cancel();
    for input in &inputs {
        let stopped = until_cancelled(&cancel, || bundle.embed(std::slice::from_ref(input)));
        assert!(matches!(stopped, Err(EmbedError::Cancelled)));
    }
    assert_eq!(bundle.embed(&inputs).unwrap(), whole, "nothing of it is left behind");
}

#[test]
fn an_invalid_input_is_refused_at_the_door() {
    let small = Small::new();
    let bundle = small.load().unwrap();
    let encoder = start(&bundle, BatcherConfig::default());
    let refused = encoder.submit(vec![Input::Audio(Vec::new())], Priority::Query);
    assert!(matches!(refused, Err(EmbedError::InvalidInput { index: 0, .. })));
    assert!(encoder.submit(Vec::new(), Priority::Query).unwrap().wait(&Cancel::new()).unwrap().is_empty());
}

#[test]
fn the_fault_of_an_encoder_reaches_its_caller_and_nobody_else() {
    let small = Small::new();
    fs_err::remove_file(small.path("weights/audio.safetensors")).unwrap();
    let bundle = small.load().unwrap();
    let encoder = start(&bundle, BatcherConfig::default());
    let tickets =
        [texts(), vec![audio(1.0)], texts()].map(|inputs| encoder.submit(inputs, Priority::Bulk).unwrap());
    let [first, faulty, last] = tickets.map(|ticket| ticket.wait(&Cancel::new()));
    assert_eq!(first.unwrap(), last.unwrap());
    assert!(matches!(faulty, Err(EmbedError::MissingFile { .. })));
}
