//! The baseline against the BERT of candle-transformers, which shares no code with it but tensors.

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use gatecheck_backend::Diagnose;

use crate::{
    arms::Turn,
    golden::Golden,
    within::{IMPLEMENTATION, Within},
};

/// States of the real tokens after the last layer, from one padded batch.
fn last_states(golden: &Golden) -> candle_core::Result<Vec<f32>> {
    let config = std::fs::read_to_string(golden.folder.join("config.json"))?;
    let config: Config = serde_json::from_str(&config).unwrap();
    let bytes = std::fs::read(golden.folder.join("model.safetensors"))?;
    let vb = VarBuilder::from_buffered_safetensors(bytes, DType::F32, &Device::Cpu)?;
    let model = BertModel::load(vb, &config)?;

    let batch = golden.batch();
    let padded = batch.padded();
    let shape = (padded.rows, padded.length);
    let real = |length: &u32| {
        let length = *length as usize;
        (0..padded.length).map(move |token| u32::from(token < length))
    };
    let mask: Vec<u32> = batch.lengths.iter().flat_map(real).collect();
    let tensor = |values: Vec<u32>| Tensor::from_vec(values, shape, &Device::Cpu);
    let (ids, type_ids, mask) = (tensor(padded.ids)?, tensor(padded.type_ids)?, tensor(mask)?);
    let states = model.forward(&ids, &type_ids, Some(&mask))?;
    let mut kept = Vec::new();
    for (row, length) in batch.lengths.iter().enumerate() {
        kept.extend(states.get(row)?.narrow(0, 0, *length as usize)?.flatten_all()?.to_vec1::<f32>()?);
    }
    Ok(kept)
}

#[test]
fn the_baseline_agrees_with_candle_transformers() {
    let turn = Turn::take();
    // Those whose activation it knows by the same name.
    for place in ["bert/classifier-blocks", "bert/classifier-half", "bert/embedding-mean"] {
        let golden = Golden::open(place);
        let trace = turn.candle(&golden.folder, 1).unwrap().trace(&golden.batch()).unwrap();
        let (stage, ours) = trace.stages.last().unwrap();
        let theirs = last_states(&golden).unwrap();
        assert!(Within::<IMPLEMENTATION>(ours) == Within(&theirs), "{place}: `{stage}` differs");
    }
}
