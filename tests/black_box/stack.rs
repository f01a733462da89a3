//! The stack under test: one of the test's own on free ports, in this process or as a process that can be killed; or
//! one that runs elsewhere.

use infra::demo::api::{Api, send};
use infra::demo::setup::Endpoints;
use infra::host::{Declaration, FunctionProgram, Host, Options};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The project's template.
pub(crate) fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")
}

/// A stack to speak to over HTTP.
pub(crate) struct Stack {
    /// Where it and its partners are.
    pub(crate) endpoints: Endpoints,
    /// Where its queues answer.
    pub(crate) aws_url: String,
    /// The queue of reservations.
    pub(crate) reservations_queue_url: String,
    own: Option<(Host, tempfile::TempDir)>,
}

impl Stack {
    /// The stack that the file `SKLAD_STACK` describes, shared by all tests and left running (`tests/on-ministack`
    /// writes one); without it, `cargo local` in this process with data of its own, its functions as processes.
    pub(crate) async fn start() -> Self {
        if let Ok(file) = std::env::var("SKLAD_STACK") {
            let described = std::fs::read(&file).expect("the file that SKLAD_STACK names");
            return Self::elsewhere(&serde_json::from_slice(&described).expect("JSON"));
        }
        Self::own(&[]).await
    }

    /// One of the test's own, with these variables for every function.
    pub(crate) async fn own(variables: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().expect("a directory");
        let mut options = Options::new(Declaration::Template(template()), data.path()).on_free_ports();
        options.sandbox = true;
        options.variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        options.program = Some(FunctionProgram::sklad(env!("CARGO_BIN_EXE_sklad")));
        let host = Host::start(options).await.expect("the stack starts");
        let endpoints = Endpoints {
            api: host.api_url.clone(),
            sandbox: host.sandbox_url.clone().expect("sandbox partners"),
            administrator_key: host.administrator_key.clone(),
        };
        Self {
            endpoints,
            reservations_queue_url: format!("{}/000000000000/reservations", host.aws_url),
            aws_url: host.aws_url.clone(),
            own: Some((host, data)),
        }
    }

    fn elsewhere(described: &Value) -> Self {
        let field = |name: &str| described[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
        Self {
            endpoints: Endpoints {
                api: field("api_url"),
                sandbox: field("sandbox_url"),
                administrator_key: field("administrator_key"),
            },
            aws_url: field("aws_url"),
            reservations_queue_url: field("reservations_queue_url"),
            own: None,
        }
    }

    /// Where its files are, if it is the test's own.
    pub(crate) fn data(&self) -> Option<&Path> {
        self.own.as_ref().map(|(_, data)| data.path())
    }

    /// Ends it, if it is the test's own.
    pub(crate) async fn end(self) {
        if let Some((host, _data)) = self.own {
            note_rights(&host.aws_url).await;
            host.shutdown().await;
        }
    }
}

/// Notes which rights functions used, for `.ci/rights.py`.
async fn note_rights(aws_url: &str) {
    static USED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let request = partners::http::Request::new(partners::http::Method::Get, format!("{aws_url}/_sklad/rights"));
    let (status, answer) = send(&request).await.expect("it answers");
    assert_eq!(status, 200, "{answer}");
    let rights = answer.as_array().expect("a list").iter().filter_map(Value::as_str).map(str::to_owned);
    let mut used = USED.lock().unwrap_or_else(PoisonError::into_inner);
    used.extend(rights);
    let lines: String = used.iter().map(|right| format!("{right}\n")).collect();
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("rights-used-by-black-box"), lines)
        .expect("it is written");
}

/// `cargo local` as a process of its own.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it on fixed ports (so that what partners were told stays true after a restart) and waits until it answers.
    pub(crate) async fn start(data: &Path, ports: [u16; 3]) -> (Self, Endpoints) {
        let [api, aws, sandbox] = ports.map(|port| port.to_string());
        let child = Command::new(env!("CARGO_BIN_EXE_sklad"))
            .args(["--port", &api, "--aws-port", &aws, "--sandbox-port", &sandbox])
            .arg("--data")
            .arg(data)
            .arg("--template")
            .arg(template())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let process = Self(child);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < deadline, "the stack does not answer");
            let health = Api::new(&format!("http://127.0.0.1:{api}"), "none").get("/v1/health").await;
            if let (Ok(_), Ok(key)) = (health, std::fs::read_to_string(data.join("administrator.key"))) {
                let endpoints = Endpoints {
                    api: format!("http://127.0.0.1:{api}"),
                    sandbox: format!("http://127.0.0.1:{sandbox}"),
                    administrator_key: key.trim().to_owned(),
                };
                return (process, endpoints);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it is killed");
        self.0.wait().expect("it is gone");
    }
}

impl Drop for Process {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Three ports that were free a moment ago.
pub(crate) fn free_ports() -> [u16; 3] {
    let sockets = [(); 3].map(|()| std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    sockets.map(|socket| socket.local_addr().expect("its address").port())
}

/// Calls SQS of the stack by its JSON protocol.
pub(crate) async fn sqs(aws_url: &str, action: &str, body: &Value) -> Value {
    aws(aws_url, &format!("AmazonSQS.{action}"), body).await
}

/// Calls a service of the stack by its JSON protocol; `target` names service and operation.
pub(crate) async fn aws(aws_url: &str, target: &str, body: &Value) -> Value {
    let request = partners::http::Request::new(partners::http::Method::Post, format!("{aws_url}/"))
        .with_header("x-amz-target", target)
        .with_header("content-type", "application/x-amz-json-1.0");
    let mut request = request;
    request.body = body.to_string().into_bytes();
    let (status, answer) = send(&request).await.expect("it answers");
    assert_eq!(status, 200, "{target}: {answer}");
    answer
}
