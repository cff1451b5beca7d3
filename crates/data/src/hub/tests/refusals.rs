//! What is not there, or not for everybody.

use super::*;

#[test]
fn refusals_differ() {
    let repos = [
        ("models/owner/private@main", Answer::Status(401)),
        ("models/owner/model@main", model()),
        ("models/owner/busy@main", Answer::Status(429)),
    ];
    let fake = FakeHub::twisted(&repos, |ask, stream| {
        let gated = ask.path.contains("/resolve/");
        if gated {
            reply(ask, stream, 403, &[], b"");
        }
        gated
    });
    let ask = |hub: &Hub, id: &str| hub.model_snapshot(id, None, companions, &mut quiet).unwrap_err();
    let error = ask(&fake.hub(), "owner/nothing");
    assert_eq!(error.to_string(), format!("model `owner/nothing` was not found on {}", fake.endpoint));
    let error = ask(&fake.hub(), "owner/private");
    assert!(error.to_string().ends_with("refused access to model `owner/private` (status 401)"), "{error}");
    assert!(error.hint().unwrap().contains("set `HF_TOKEN`"));
    let error = ask(&fake.impatient(), "owner/busy");
    assert!(matches!(error, HubError::Status { status: 429, .. }));
    let token = HubSettings { token: Some("hf_secret".into()), ..fake.settings() };
    let error = ask(&Hub::new(token).unwrap(), "owner/model");
    assert!(error.to_string().contains("refused access to `1_Pooling/config.json`"), "{error}");
    assert!(error.hint().unwrap().contains("the token in use"));
    assert!(!format!("{error:?}").contains("hf_secret"));
    let error = ask(&fake.down(), "owner/model");
    assert_eq!(error.to_string(), "failed to fetch model `owner/model` from http://127.0.0.1:9");
    assert!(error.hint().unwrap().contains("network"));
    let error = fake.hub().model_snapshot("owner/model", Some("v9"), companions, &mut quiet).unwrap_err();
    assert!(error.to_string().starts_with("model `owner/model`, revision `v9` was not found"), "{error}");
}
