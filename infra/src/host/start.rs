//! The way from options to a running host.

use std::collections::BTreeMap;
use std::sync::Arc;

use platform::Table;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::aws_endpoint::{self, Endpoint};
use super::data_dir::{Addresses, DataDir, Keys, RESTORED};
use super::environments::Pool;
use super::event_sources::{self, Shared};
use super::gateway::{self, Gateway};
use super::launch::{FunctionProgram, Launch};
use super::logs::Logs;
use super::order_count::OrderCount;
use super::roles::Roles;
use super::routes::Routes;
use super::runtime_api::{self, Registry};
use super::server::Bound;
use super::services::Services;
use super::supervise::supervised;
use super::{Declaration, Host, HostError, Options, Running, housekeeping, moment, provision, status};
use crate::sandbox;
use crate::template::{self, Overrides, model::Stack};

/// Ports that are chosen before anything refers to them.
struct Ports {
    api: Bound,
    aws: Bound,
    runtime: Bound,
    sandbox: Option<Bound>,
}

impl Ports {
    async fn bind(options: &Options) -> Result<Self, HostError> {
        Ok(Self {
            api: Bound::to(options.api_port, "HTTP API", "--port").await?,
            aws: Bound::to(options.aws_port, "AWS endpoint", "--aws-port").await?,
            runtime: Bound::to(0, "Runtime API", "--port").await?,
            sandbox: match options.sandbox {
                true => Some(Bound::to(options.sandbox_port, "sandbox partners", "--sandbox-port").await?),
                false => None,
            },
        })
    }
}

/// What to run, and the functions' roles, if the declaration has any.
fn declared(
    options: &Options,
    data: &DataDir,
    keys: &Keys,
    ports: &Ports,
) -> Result<(Stack, Option<Roles>), HostError> {
    match &options.declaration {
        Declaration::Stack(stack) => Ok((stack.clone(), None)),
        Declaration::Template(path) => {
            let overrides = Overrides {
                parameters: BTreeMap::from([
                    ("AdministratorKeyHash".to_owned(), keys.administrator_hash()),
                    ("SecretsKey".to_owned(), keys.secrets.clone()),
                    ("Stage".to_owned(), "local".to_owned()),
                    ("AskCarriersFirst".to_owned(), data.path().join(RESTORED).exists().to_string()),
                ]),
                aws_port: ports.aws.address.port(),
                api_port: ports.api.address.port(),
            };
            let declared = template::load_all(path, &overrides)?;
            Ok((declared.stack, Some(Roles::new(declared.grants))))
        }
    }
}

/// What the functions are told that a table is called.
fn table_of(stack: &Stack, table: Table) -> Option<String> {
    let environments = stack.functions.values().map(|function| &function.environment);
    environments.filter_map(|variables| variables.get(table.variable())).next().cloned()
}

/// See [`Host::start`].
pub(crate) async fn start(options: Options) -> Result<Host, HostError> {
    let (began, started_at) = (Instant::now(), moment::now());
    let data = DataDir::open(&options.data, options.fresh)?;
    let keys = data.keys()?;
    let ports = Ports::bind(&options).await?;
    let (mut stack, roles) = declared(&options, &data, &keys, &ports)?;
    for function in stack.functions.values_mut() {
        function.environment.extend(options.variables.clone());
    }
    let routes = Routes::of(&stack)?;
    let program = match options.program {
        Some(program) => program,
        None => FunctionProgram::sklad(
            std::env::current_exe().map_err(|source| HostError::Io { what: "the path of this program", source })?,
        ),
    };
    let sources = stack.functions.keys().map(String::as_str);
    let (logs, log_thread) = Logs::start(&data.path().join("logs"), sources, options.output)
        .map_err(|source| HostError::Io { what: "the log directory", source })?;

    let checkpoints = data.directory("checkpoints")?;
    let in_flight = data.directory("in-flight")?;
    let services = Services::open(&data.directory("aws")?, ports.aws.address)?;
    let declared = stack.clone();
    services.with(move |engine| provision::all(engine, &declared)).await??;
    if let Some(people) = table_of(&stack, Table::People) {
        services.with(move |engine| engine.dynamodb().shred_what_leaves(&people)).await?;
    }
    logs.host(format!(
        "{} tables, {} queues, {} buckets after {} ms",
        stack.tables.len(),
        stack.queues.len(),
        stack.buckets.len(),
        began.elapsed().as_millis()
    ));

    let launch = Arc::new(Launch { program, runtime_api: ports.runtime.address, aws: ports.aws.address });
    let registry = Arc::new(Registry::default());
    let pools: BTreeMap<String, Arc<Pool>> = stack
        .functions
        .iter()
        .map(|(name, function)| {
            let maximum = options.environments_max.max(1);
            let pool = Pool::new(function.clone(), maximum, Arc::clone(&launch), Arc::clone(&registry), logs.clone());
            (name.clone(), pool)
        })
        .collect();

    let (stopping, stop) = watch::channel(false);
    let (ended_sender, ended) = mpsc::channel(8);
    let api_url = ports.api.url();
    let api_port = ports.api.address.port();
    let aws_url = ports.aws.url();
    let sandbox_url = ports.sandbox.as_ref().map(Bound::url);
    // What functions need ends after them.
    let (ending, end) = watch::channel(false);
    let serve = |bound: Bound, name, router, stop: &watch::Receiver<bool>| {
        bound.serve(name, router, stop.clone(), ended_sender.clone(), logs.clone())
    };
    let figures = status::Source {
        data: data.path().to_string_lossy().into_owned(),
        started_at,
        services: services.clone(),
        pools: pools.clone(),
        metrics: Arc::clone(logs.metrics()),
        orders: OrderCount::of(table_of(&stack, Table::Orders)),
    };
    let endpoint =
        Arc::new(Endpoint { services: services.clone(), pools: pools.clone(), figures, roles: roles.map(Arc::new) });
    let mut servers = vec![
        serve(ports.runtime, "Runtime API", runtime_api::router(registry), &end),
        serve(ports.aws, "AWS endpoint", aws_endpoint::router(endpoint), &end),
    ];
    if let Some(bound) = ports.sandbox {
        let config = sandbox::Config::new(data.directory("sandbox")?, Arc::new(moment::now));
        servers.push(serve(bound, "sandbox", sandbox::router(config).await?, &end));
    }

    let mut ready = 0;
    let warmed = futures_util::future::join_all(pools.values().map(|pool| pool.warm())).await;
    for (name, outcome) in pools.keys().zip(warmed) {
        match outcome {
            Ok(()) => ready += 1,
            Err(error) => logs.host(format!("{name}: {error}")),
        }
    }
    logs.host(format!("{ready} of {} functions after {} ms", pools.len(), began.elapsed().as_millis()));

    let shared = Shared {
        pools: &pools,
        services: &services,
        logs: &logs,
        stopping: &stop,
        checkpoints: &checkpoints,
        in_flight: &in_flight,
    };
    event_sources::release(&shared).await;
    let (mut sources, readers) = event_sources::start(&shared);
    let (kept_services, kept_logs, kept_stop) = (services.clone(), logs.clone(), stop.clone());
    let all_pools: Vec<Arc<Pool>> = pools.values().map(Arc::clone).collect();
    sources.push(supervised("housekeeping".to_owned(), logs.clone(), move || {
        housekeeping::run(
            kept_services.clone(),
            all_pools.clone(),
            readers.clone(),
            kept_logs.clone(),
            kept_stop.clone(),
        )
    }));
    let gateway = Arc::new(Gateway {
        routes,
        pools: pools.clone(),
        port: api_port,
        logs: logs.clone(),
        admission: gateway::admission(),
    });
    // Last, so that the first request finds everything else.
    sources.push(serve(ports.api, "HTTP API", gateway::router(gateway), &stop));

    let addresses = Addresses { api_url, aws_url, sandbox_url };
    let written = data.note(&addresses);
    let Addresses { api_url, aws_url, sandbox_url } = addresses;
    let host = Host {
        api_url,
        aws_url,
        sandbox_url,
        administrator_key: keys.administrator,
        data: data.path().to_owned(),
        running: Running { stopping, ending, sources, pools, servers, ended, services, logs, log_thread, data },
    };
    match written {
        Ok(()) => Ok(host),
        Err(error) => {
            host.shutdown().await;
            Err(error.into())
        }
    }
}
