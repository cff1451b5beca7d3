use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{facts::kernels, tile::Tile};

/// Tiles that [`counting`] was asked for.
static TILES: AtomicUsize = AtomicUsize::new(0);

/// Computes nothing but how often it is called; the output must be written.
#[expect(unsafe_code, reason = "stands in for a kernel")]
unsafe fn counting(tile: Tile) {
    TILES.fetch_add(1, Ordering::Relaxed);
    for row in 0..tile.rows {
        // SAFETY: the caller vouches for what the tile names.
        unsafe {
            tile.output.add(row * tile.output_stride).write(9.0);
        }
    }
}

#[test]
fn the_kernel_that_is_named_is_the_one_that_runs() {
    let x = Tensor::new(&[[1.0_f32, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap();
    for kernel in Kernel::all() {
        let forward = |kernel| {
            let linear = Linear::with_kernel(kernel, vec![1.0, 10.0], vec![0.5], 2, &Arc::default()).unwrap();
            linear.forward(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let before = TILES.load(Ordering::Relaxed);
        let answers = forward(kernel.running(counting));
        let tiles = TILES.load(Ordering::Relaxed) - before;
        // What the facts say of linear layers.
        let (named, _) = kernels(&kernel);
        let by = &named.iter().find(|it| it.of.starts_with("linear layers")).unwrap().by;
        assert_eq!(by.starts_with("gatecheck"), tiles > 0, "{by}");
        assert_eq!(by.ends_with(kernel.name), tiles > 0, "{by}");
        assert_eq!(answers, if tiles > 0 { [9.0, 9.0] } else { [21.5, 43.5] }, "{by}");
        assert_eq!(forward(kernel), [21.5, 43.5], "{by}");
    }
}
