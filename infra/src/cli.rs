//! The command line: options of `cargo local`, and its subcommands.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::backup::{self, BackupError};
use crate::bench;
use crate::cargo;
use crate::demo::{self, api::Api, setup::Endpoints};
use crate::host::{Addresses, Declaration, Host, Options, Output, functions, now};
use crate::package;
use crate::simulation;
use crate::template;
use crate::top;

/// What the template is called.
const TEMPLATE: &str = "template.yaml";

/// Runs Sklad on this machine: the stack that template.yaml declares, with no Docker and no AWS account.
#[derive(Debug, Parser)]
#[command(name = "sklad", bin_name = "cargo local", disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    stack: StackArguments,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options of a stack, also for commands that start their own.
#[derive(Debug, Clone, Args)]
pub struct StackArguments {
    /// Port of the HTTP API; 0 takes a free one.
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    port: u16,
    /// Port of the AWS endpoint (DynamoDB, SQS, S3); 0 takes a free one.
    #[arg(long, default_value_t = 4566, value_name = "PORT")]
    aws_port: u16,
    /// Port of the sandbox carrier and shop; 0 takes a free one.
    #[arg(long, default_value_t = 8081, value_name = "PORT")]
    sandbox_port: u16,
    /// Where everything is kept.
    #[arg(long, default_value = ".local", value_name = "DIR", global = true)]
    data: PathBuf,
    /// Delete everything that is kept there first.
    #[arg(long)]
    fresh: bool,
    /// The template; without it, template.yaml of this directory or the nearest one above.
    #[arg(long, value_name = "PATH")]
    template: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Drive real orders through every function, against the stack that runs on the data directory or one of its own.
    Demo,
    /// Print the figures of the README: times, units and requests; takes a few minutes.
    Bench {
        #[command(subcommand)]
        only: Option<Benchmark>,
    },
    /// Simulate the whole system deterministically: one seed with its trace, or many with a summary; or a flash sale.
    Sim(simulation::cli::Arguments),
    /// Build the functions in release, and pack each as AWS takes it: `target/package/<function>.zip`.
    Package(package::Arguments),
    /// Copy the tables and documents of the data directory into a new directory, also while a stack runs on it.
    Backup {
        /// The backup; it holds the keys, too, and is for its owner only.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Put a backup in place of the tables and documents of the data directory, on which no stack may run. Queues and streams begin
    /// empty; what was there is kept beside it.
    Restore {
        /// The backup.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Show what the stack on the data directory is doing: orders, queues, functions, units a second. Ctrl-C ends it.
    Top(top::Arguments),
    /// Run the sandbox carrier and shop alone, beside a stack elsewhere.
    Sandbox,
    /// Print the OpenAPI document of the whole API, as functions/about/openapi.json holds it.
    Openapi,
    /// Hold a previous version's environments for a simulation, told by standard input; the simulation starts it by itself.
    #[command(hide = true, name = simulation::previous::WORKER)]
    SimEnvironments,
    /// Run one function against a Lambda Runtime API; the host starts these by itself.
    #[command(hide = true)]
    Function {
        /// The function's name in the template.
        name: String,
        /// End when standard input does: the host holds its other end.
        #[arg(long)]
        end_with_input: bool,
    },
}

/// A part of the benchmark.
#[derive(Debug, Subcommand)]
enum Benchmark {
    /// What a reservation costs at batches of 1, 10 and 100.
    Reserve,
}

/// Why the program ends with a failure.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("no {TEMPLATE} in {0} or above it: start from the project's directory, or name one with --template")]
    NoTemplate(PathBuf),
    #[error(transparent)]
    Host(#[from] crate::host::HostError),
    #[error("no function `{name}` in this program; there are: {known}")]
    NoFunction { name: String, known: String },
    #[error("{name} ended: {source}")]
    Function { name: String, source: lambda_runtime::Error },
    #[error(transparent)]
    OpenApi(#[from] crate::openapi::OpenApiError),
    #[error(transparent)]
    Bench(#[from] bench::BenchError),
    #[error(transparent)]
    Simulation(#[from] simulation::SimulationError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Template(#[from] template::TemplateError),
    #[error(transparent)]
    Top(#[from] top::TopError),
    #[error(transparent)]
    Package(#[from] package::PackageError),
    #[error("the simulation broke what must hold: see above")]
    Broken,
    #[error("the demo stopped: {0}")]
    Demo(#[from] crate::demo::api::StepError),
    #[error("{what}: {source}")]
    Io { what: &'static str, source: std::io::Error },
}

/// The whole program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => run_stack(&cli.stack),
        Some(Command::Demo) => run_demo(&cli.stack),
        Some(Command::Bench { only: None }) => run_bench(&cli.stack),
        Some(Command::Bench { only: Some(Benchmark::Reserve) }) => {
            cli.stack.template().and_then(|template| Ok(bench::reserve::print(&template)?))
        }
        Some(Command::Sim(arguments)) => cli.stack.template().and_then(|template| {
            if simulation::cli::run(&template, &arguments)? { Ok(()) } else { Err(CliError::Broken) }
        }),
        Some(Command::Package(arguments)) => {
            cli.stack.template().and_then(|template| Ok(package::run(&template, &arguments)?))
        }
        Some(Command::Backup { directory }) => run_backup(&cli.stack, &directory),
        Some(Command::Restore { directory }) => run_restore(&cli.stack, &directory),
        Some(Command::Top(arguments)) => runtime(tokio::runtime::Builder::new_current_thread())
            .and_then(|runtime| Ok(runtime.block_on(top::run(&cli.stack.data, &arguments))?)),
        Some(Command::Sandbox) => run_sandbox(&cli.stack),
        Some(Command::Openapi) => crate::openapi::document_text().map(|text| print!("{text}")).map_err(CliError::from),
        Some(Command::SimEnvironments) => cli.stack.template().and_then(|template| {
            let (mut orders, mut answers) = (std::io::stdin().lock(), std::io::stdout().lock());
            let served = simulation::previous::worker::serve(&template, &mut orders, &mut answers);
            Ok(served.map_err(simulation::SimulationError::from)?)
        }),
        Some(Command::Function { name, end_with_input }) => run_function(&name, end_with_input),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

impl StackArguments {
    /// The host's options.
    ///
    /// # Errors
    /// When no template is found.
    fn options(&self) -> Result<Options, CliError> {
        let template = self.template()?;
        Ok(Options {
            fresh: self.fresh,
            api_port: self.port,
            aws_port: self.aws_port,
            sandbox_port: self.sandbox_port,
            sandbox: true,
            output: Output::Terminal,
            ..Options::new(Declaration::Template(template), &self.data)
        })
    }
}

impl StackArguments {
    /// The template that was named, or the nearest one.
    ///
    /// # Errors
    /// When none is found.
    fn template(&self) -> Result<PathBuf, CliError> {
        if let Some(path) = &self.template {
            return Ok(path.clone());
        }
        let here = std::env::current_dir().map_err(|source| CliError::Io { what: "the current directory", source })?;
        find_template(&here).ok_or(CliError::NoTemplate(here))
    }
}

/// The template of a directory or of the nearest one above it.
fn find_template(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|directory| directory.join(TEMPLATE)).find(|path| path.is_file())
}

fn run_stack(arguments: &StackArguments) -> Result<(), CliError> {
    let options = arguments.options()?;
    runtime(tokio::runtime::Builder::new_multi_thread())?.block_on(async {
        let io = |what| move |source| CliError::Io { what, source };
        // From the start on, so that a signal during it is not lost.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(io("the handler of Ctrl-C"))?;
        let mut terminate = signal(SignalKind::terminate()).map_err(io("the handler of SIGTERM"))?;
        let mut host = tokio::select! {
            host = Host::start(options) => host?,
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        };
        println!("{}", banner(&host));
        let outcome = tokio::select! {
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
            failure = host.failed() => Err(failure),
        };
        println!("\nStopping: running invocations may end. Ctrl-C again ends them too.");
        tokio::select! {
            () = host.shutdown() => {}
            _ = interrupt.recv() => {}
        }
        Ok(outcome?)
    })
}

fn run_backup(arguments: &StackArguments, directory: &Path) -> Result<(), CliError> {
    let manifest = backup::backup(&arguments.data, directory)?;
    let items: usize = manifest.tables.values().sum();
    println!(
        "{items} items of {} tables, {} documents of {}",
        manifest.tables.len(),
        manifest.objects,
        manifest.taken_at
    );
    println!("Keep it as you keep keys: it has those that open its secrets.");
    Ok(())
}

fn run_restore(arguments: &StackArguments, directory: &Path) -> Result<(), CliError> {
    // Names alone are needed of the template; its keys are nobody's.
    let parameters = [
        ("SecretsKey".to_owned(), format!("{}=", "A".repeat(43))),
        ("AdministratorKeyHash".to_owned(), "0".repeat(64)),
    ];
    let overrides = template::Overrides { parameters: parameters.into(), ..template::Overrides::default() };
    let stack = template::load(&arguments.template()?, &overrides)?;
    let manifest = backup::restore(directory, &arguments.data, &stack)?;
    println!("{} holds what was there at {}.", arguments.data.display(), manifest.taken_at);
    println!(
        "Queues and streams begin empty: the sweeper sets going again what they held.\n\
         Carriers are asked before a label is bought, until you delete {}.",
        arguments.data.join(crate::host::RESTORED).display()
    );
    Ok(())
}

/// Serves the sandbox partners until they are stopped.
fn run_sandbox(arguments: &StackArguments) -> Result<(), CliError> {
    runtime(tokio::runtime::Builder::new_multi_thread())?
        .block_on(crate::host::serve_sandbox(arguments.sandbox_port, &arguments.data.join("sandbox")))
        .map_err(CliError::from)
}

/// Plays the demo on the stack that runs on the data directory, or on one started for it.
fn run_demo(arguments: &StackArguments) -> Result<(), CliError> {
    runtime(tokio::runtime::Builder::new_multi_thread())?.block_on(async {
        if let Some(endpoints) = running(&arguments.data).await {
            println!("Playing on the stack at {}", endpoints.api);
            return Ok(demo::run(&endpoints, &arguments.data.join("demo"), now()).await?);
        }
        // Its log lines would drown the story; they are in the data directory.
        let options = Options { output: Output::Quiet, ..arguments.options()?.on_free_ports() };
        println!("No stack runs on {}: starting one for the demo", arguments.data.display());
        let host = Host::start(options).await?;
        let outcome = demo::run(&endpoints_of(&host), &host.data.join("demo"), now()).await;
        if outcome.is_err() {
            eprintln!("the functions' own words are in {}", host.data.join("logs").display());
        }
        host.shutdown().await;
        Ok(outcome?)
    })
}

/// Prints the figures, in a directory that is removed afterwards.
fn run_bench(arguments: &StackArguments) -> Result<(), CliError> {
    let options = Options { output: Output::Quiet, ..arguments.options()? };
    let scratch = std::env::temp_dir().join(format!("sklad-bench-{}", std::process::id()));
    let target = cargo::own_target_directory();
    let target = target.map_err(|source| CliError::Io { what: "the path of this program", source })?;
    let release = target.join("release");
    let plan = bench::Plan { options, scratch: scratch.clone(), release };
    let outcome = runtime(tokio::runtime::Builder::new_multi_thread())?.block_on(bench::run(&plan));
    let removed = std::fs::remove_dir_all(&scratch);
    outcome?;
    removed.map_err(|source| CliError::Io { what: "the benchmark's directory", source })
}

fn endpoints_of(host: &Host) -> Endpoints {
    Endpoints {
        api: host.api_url.clone(),
        sandbox: host.sandbox_url.clone().unwrap_or_default(),
        administrator_key: host.administrator_key.clone(),
    }
}

/// The stack that runs on a data directory, if one does and answers.
async fn running(data: &Path) -> Option<Endpoints> {
    let Addresses { api_url: api, sandbox_url, .. } = Addresses::noted(data)?;
    let key = std::fs::read_to_string(data.join("administrator.key")).ok()?;
    let endpoints = Endpoints { api, sandbox: sandbox_url?, administrator_key: key.trim().to_owned() };
    let health = Api::new(&endpoints.api, &endpoints.administrator_key).get("/v1/health").await;
    health.is_ok().then_some(endpoints)
}

fn banner(host: &Host) -> String {
    let sandbox = host.sandbox_url.as_ref().map(|url| format!("\n  Sandbox        {url}   (a carrier and a shop)"));
    format!(
        "
  Sklad runs. Ctrl-C stops it; nothing is lost.

  HTTP API       {api}   (described by {api}/v1/openapi.json)
  AWS endpoint   {aws}   (aws --endpoint-url {aws} …){sandbox}
  Data           {data}
  Administrator  {key}

  A first command:
  curl -sS -H 'Authorization: Bearer {key}' {api}/v1/merchants
",
        api = host.api_url,
        aws = host.aws_url,
        sandbox = sandbox.unwrap_or_default(),
        data = host.data.display(),
        key = host.administrator_key,
    )
}

fn run_function(name: &str, end_with_input: bool) -> Result<(), CliError> {
    let entry = functions::find(name).ok_or_else(|| CliError::NoFunction {
        name: name.to_owned(),
        known: functions::ALL.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", "),
    })?;
    if end_with_input {
        std::thread::spawn(|| {
            // Nothing is ever written to it: its end, or a failure, means that the host is gone.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            std::process::exit(0);
        });
    }
    // One invocation at a time needs no more than this thread.
    runtime(tokio::runtime::Builder::new_current_thread())?
        .block_on((entry.run)())
        .map_err(|source| CliError::Function { name: name.to_owned(), source })
}

fn runtime(mut builder: tokio::runtime::Builder) -> Result<tokio::runtime::Runtime, CliError> {
    builder.enable_all().build().map_err(|source| CliError::Io { what: "the asynchronous runtime", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn the_template_is_found_above() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        assert_eq!(find_template(&inner), None);
        std::fs::write(root.path().join(TEMPLATE), "").unwrap();
        assert_eq!(find_template(&inner), Some(root.path().join(TEMPLATE)));
    }
}
