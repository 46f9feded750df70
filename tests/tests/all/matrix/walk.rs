//! Two tenants with the same shapes of data: whatever one does, with its own ids and with the other's, every answer to
//! the other stays as it was, byte by byte.

use kith_tests::TestServer;
use serde_json::Value;

use super::cases::Case;
use super::world::World;
use super::{complete, nobody};
use crate::webhooks::delivering;
use crate::without;

crate::scenarios!(a_walk_through_one_tenant_leaves_another_alone);

/// Operations of the walk.
const STEPS: usize = 5_000;

/// How often the other tenant looks.
const LOOK: usize = 1_000;

/// Numbers that are the same in each run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

async fn a_walk_through_one_tenant_leaves_another_alone(server: &mut TestServer) {
    server.kill().unwrap();
    let process = delivering(server);
    let admin = server.api.at(process.address);
    let other = server.another_company("Difference Engines").unwrap();
    let other = other.at(process.address);
    let document = admin.get("/openapi.json").await.unwrap().expect(200);
    let mut cases = complete(&document);
    cases.retain(|case| !case.template.operation.is_endless);
    let walker = World::fill(&admin).await;
    let still = World::fill(&other).await;
    settle(&still).await;

    let mut session = server.session().await.unwrap();
    let stored = session.fingerprint(other.company).await.unwrap();
    let before = look(&still, &cases).await;
    assert!(before.len() > 50, "{} answers", before.len());
    let mut dice = Dice(2_026);
    let (mut own, mut foreign) = (0, 0);
    for step in 1..=STEPS {
        let case = &cases[dice.roll(cases.len())];
        let mut ids = walker.ids_for(&case.template, true).await;
        let mut is_foreign = false;
        for (name, id) in &mut ids {
            match dice.roll(4) {
                0 if name != "unique" => {
                    *id = still.standing(name);
                    is_foreign = true;
                }
                1 if name != "unique" => *id = nobody(id),
                _ => {}
            }
        }
        let reply = case.template.send(&walker.admin, &ids, true).await.unwrap();
        assert!(
            reply.status < 500,
            "{} {}",
            case.template.path,
            reply.text()
        );
        let is_done = reply.status < 300;
        own += usize::from(is_done && !is_foreign);
        foreign += usize::from(is_foreign);
        if step % LOOK == 0 {
            let now = look(&still, &cases).await;
            for ((asked, before), (_, now)) in before.iter().zip(&now) {
                assert_eq!(before, now, "after {step} steps: {asked}");
            }
        }
    }
    assert!(own > STEPS / 4 && foreign > STEPS / 8, "{own} {foreign}");
    assert_eq!(session.fingerprint(other.company).await.unwrap(), stored);
}

/// Everything that a tenant can read of its own, by what was asked.
async fn look(world: &World, cases: &[Case]) -> Vec<(String, (u16, String))> {
    let mut answers = Vec::new();
    for case in cases {
        let template = &case.template;
        let is_read = template.operation.method == "GET" || template.path.ends_with("/search");
        if !is_read {
            continue;
        }
        let ids = world.ids_for(template, false).await;
        let reply = template.send(&world.admin, &ids, true).await.unwrap();
        let body = reply.text();
        // When a key was used last is moved by these looks themselves.
        let body = match serde_json::from_str::<Value>(&body) {
            Ok(Value::Array(items)) if body.contains("lastUsedAt") => {
                let items = items.into_iter().map(|item| without(item, &["lastUsedAt"]));
                Value::Array(items.collect()).to_string()
            }
            Ok(json) if reply.status >= 400 || body.contains("lastUsedAt") => {
                without(json, &["requestId", "lastUsedAt"]).to_string()
            }
            _ => body,
        };
        let asked = format!(
            "{} {} {}",
            template.operation.method, template.path, template.body
        );
        answers.push((asked, (reply.status, body)));
    }
    answers
}

/// Waits until what runs in the background for the tenant is done.
async fn settle(world: &World) {
    let resends = format!("/webhook-resends/{}", world.standing("resends"));
    loop {
        let mut texts = String::new();
        for path in ["/webhook-deliveries", &resends] {
            texts += &world.admin.get(path).await.unwrap().text();
        }
        let moves = ["pending", "delivering", "running"].map(|status| format!("\"{status}\""));
        if !moves.iter().any(|status| texts.contains(status)) {
            return;
        }
    }
}
