//! Partners that answer what they should not: the function stops reading, follows nothing and believes nothing.

use super::target::Target;
use crate::shop::{now, shopper, webhook};
use infra::demo::api::Api;
use infra::sandbox::ShopOrder;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a hostile carrier answers to purchases, one after the other.
const ANSWERS: [&str; 4] = ["redirect", "flood", "deep", "nonsense"];
/// Most bytes of an endless answer that go out before the reader must have hung up: what it reads, and what buffers hold.
const FLOOD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What was done to the partner.
#[derive(Default)]
struct Seen {
    purchases: AtomicUsize,
    trapped: AtomicUsize,
    flooded_bytes: AtomicUsize,
}

async fn request_of(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let read = stream.read(&mut chunk).await.ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&chunk[..read]);
        let head_end = text.windows(4).position(|part| part == b"\r\n\r\n");
        if let Some(end) = head_end {
            let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .map_or(0, |length| length.trim().parse::<usize>().unwrap_or(0));
            if text.len() >= end + 4 + length {
                return Some(head);
            }
        }
    }
}

async fn answer(mut stream: TcpStream, trap: &str, seen: &Seen) -> std::io::Result<()> {
    let Some(head) = request_of(&mut stream).await else { return Ok(()) };
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {trap}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    if !head.starts_with("post ") {
        return stream.write_all(redirect.as_bytes()).await;
    }
    let number = seen.purchases.fetch_add(1, Ordering::SeqCst);
    let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    match ANSWERS[number % ANSWERS.len()] {
        "redirect" => stream.write_all(redirect.replace("302 Found", "307 Temporary Redirect").as_bytes()).await,
        "flood" => {
            stream.write_all(json.as_bytes()).await?;
            let chunk = vec![b' '; 64 * 1024];
            while seen.flooded_bytes.load(Ordering::SeqCst) < 2 * FLOOD_BYTES_MAX {
                stream.write_all(&chunk).await?;
                seen.flooded_bytes.fetch_add(chunk.len(), Ordering::SeqCst);
            }
            Ok(())
        }
        "deep" => stream.write_all(format!("{json}{}", "[".repeat(1_000_000)).as_bytes()).await,
        _ => stream.write_all(format!("{json}{{\"id\":7,\"label\":null,\"price\":\"<script>\"}}").as_bytes()).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn api10_a_hostile_carrier_sells_nothing_and_leads_nowhere() {
    let target = Target::start("api10").await;
    let world = &target.owner.world;
    let seen = Arc::new(Seen::default());
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let trap_url = format!("http://{}/label", trap.local_addr().unwrap());
    let trapped = seen.clone();
    tokio::spawn(async move {
        while trap.accept().await.is_ok() {
            trapped.trapped.fetch_add(1, Ordering::SeqCst);
        }
    });
    let carrier = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let carrier_url = format!("http://{}", carrier.local_addr().unwrap());
    let served = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = carrier.accept().await {
            let (trap_url, served) = (trap_url.clone(), served.clone());
            tokio::spawn(async move {
                // A reader that hangs up is what the test wants.
                let _ = answer(stream, &trap_url, &served).await;
            });
        }
    });
    world.stock_up(|_, location| if location == "SOF1" { 7 } else { 0 }).await.unwrap();
    let account = json!({
        "carrier": "sandbox", "name": "Hostile", "api_url": carrier_url, "service": "standard", "api_key": "k", "webhook_secrets": ["s"], "default": true,
    });
    let administrator = Api::new(&target.stack.endpoints.api, target.administrator());
    administrator.with_header("sklad-merchant", &world.merchant).post("/v1/carrier-accounts", &account).await.unwrap();
    let now = now();
    let mut orders = Vec::new();
    for number in (u32::try_from(now.as_second() % 1_000_000).unwrap()..).take(ANSWERS.len()) {
        let order = ShopOrder::new(u64::from(number), number, now, shopper()).line("CUP-BLUE", "Чаша", 1, 100);
        let id = webhook(world, &order, now).await;
        let task = world.pick_tasks(&id, 1).await.unwrap().remove(0);
        world.pick_and_pack(&task).await.unwrap();
        orders.push(id);
    }
    for order in &orders {
        let unknown = |body: &Value| (body["shipments"][0]["state"] == "booking_unknown").then_some(());
        let what = "a booking whose outcome is unknown";
        world.operations.until(what, &format!("/v1/orders/{order}"), unknown).await.unwrap();
    }
    assert_eq!(seen.purchases.load(Ordering::SeqCst), ANSWERS.len(), "each was tried to be bought once");
    assert_eq!(seen.trapped.load(Ordering::SeqCst), 0, "no redirect is followed");
    let flooded = seen.flooded_bytes.load(Ordering::SeqCst);
    assert!((1..FLOOD_BYTES_MAX).contains(&flooded), "{flooded} bytes of an endless answer were read");
    target.stack.end().await;
}
