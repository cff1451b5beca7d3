//! What is left over is listed, and removed on request alone.

use crate::harness::Place;

#[test]
fn artefacts_of_a_model_that_changed_go_on_request() {
    let place = Place::with_model();
    place.gatecheck("convert --model model");
    place.gatecheck("convert --model model --bits 4");
    assert_eq!(place.gatecheck("clean models/mlx_converted").stdout, "nothing is left over\n");
    let metadata = "models/mlx_converted/model-mlx-q4/conversion_metadata.json";
    let other = place.read(metadata).replace("\"recipe_sha256\": \"", "\"recipe_sha256\": \"0");
    place.write(metadata, &other);
    let listed = place.gatecheck("clean");
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    let line = "models/mlx_converted/model-mlx-q4: an artefact of a recipe that is not today's\n";
    assert!(listed.stdout.contains(line) && listed.stdout.ends_with("MB in all\n"), "{}", listed.stdout);
    assert_eq!(listed.stderr, "nothing was removed; `--yes` does it\n");
    assert_eq!(place.files("models/mlx_converted"), ["model-mlx-q4", "model-mlx-q8"]);
    assert_eq!(place.gatecheck("clean --yes").stderr, "removed\n");
    assert_eq!(place.files("models/mlx_converted"), ["model-mlx-q8"]);
    // The model itself is another now.
    let config = place.read("model/config.json").replacen('{', "{\"note\": 1,", 1);
    place.write("model/config.json", &config);
    assert!(place.gatecheck("clean").stdout.contains("an artefact of a model that has changed since"));
    place.refuses("clean nowhere", "error: there is no folder `nowhere`");
}
