//! How a function's process is started, and what it finds in its environment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::environment::Start;
use super::moment;
use super::names::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use super::roles::Roles;
use crate::template::model::Function;

/// Variables that a process takes over from the host: where programs and libraries are, and what to log.
const INHERITED: [&str; 6] =
    ["PATH", "LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "TMPDIR", "RUST_LOG", "RUST_BACKTRACE"];

/// The program that runs functions: called with `arguments` and, last, the function's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionProgram {
    /// Its path.
    pub path: PathBuf,
    /// What comes before the function's name.
    pub arguments: Vec<String>,
}

impl FunctionProgram {
    /// The `sklad` binary at this path.
    pub fn sklad(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), arguments: vec!["function".to_owned(), "--end-with-input".to_owned()] }
    }
}

/// What all processes have in common.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: FunctionProgram,
    /// Where the Runtime API listens.
    pub(crate) runtime_api: SocketAddr,
    /// Where the AWS endpoint listens.
    pub(crate) aws: SocketAddr,
}

impl Launch {
    /// The start of one environment of a function.
    pub(crate) fn start(&self, function: &Function, environment: &str) -> Start {
        let name = &function.name;
        let today = moment::now().strftime("%Y/%m/%d").to_string();
        let mut variables: BTreeMap<String, String> =
            INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
        variables.extend(function.environment.clone());
        let fixed = [
            // With a scheme: without one, the runtime's client refuses a path.
            ("AWS_LAMBDA_RUNTIME_API", format!("http://{}/{name}/{environment}", self.runtime_api)),
            ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mib.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", format!("{today}/[$LATEST]{environment}")),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            ("AWS_SESSION_TOKEN", Roles::session_token(name)),
            ("AWS_ENDPOINT_URL", format!("http://{}", self.aws)),
            ("LAMBDA_TASK_ROOT", self.task_root()),
            ("TZ", ":UTC".to_owned()),
        ];
        variables.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
        Start {
            program: self.program.path.clone(),
            arguments: self.program.arguments.iter().chain([name]).cloned().collect(),
            variables: variables.into_iter().collect(),
        }
    }

    fn task_root(&self) -> String {
        self.program.path.parent().unwrap_or(&self.program.path).to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fixtures::function;

    #[test]
    fn the_template_sets_variables_but_not_those_of_lambda() {
        let mut function = function("relay", &[]);
        function.environment.insert("ORDERS_TABLE".to_owned(), "orders".to_owned());
        function.environment.insert("AWS_REGION".to_owned(), "elsewhere".to_owned());
        let launch = Launch {
            program: FunctionProgram::sklad("/bin/sklad"),
            runtime_api: ([127, 0, 0, 1], 9001).into(),
            aws: ([127, 0, 0, 1], 4566).into(),
        };
        let start = launch.start(&function, "e1");
        let variables: BTreeMap<_, _> = start.variables.into_iter().collect();
        assert_eq!(variables["ORDERS_TABLE"], "orders");
        assert_eq!(variables["AWS_REGION"], REGION);
        assert_eq!(variables["AWS_LAMBDA_RUNTIME_API"], "http://127.0.0.1:9001/relay/e1");
        assert_eq!(variables["AWS_ENDPOINT_URL"], "http://127.0.0.1:4566");
        assert_eq!(variables["AWS_SESSION_TOKEN"], "relay", "whose role it has");
        assert_eq!(start.arguments, ["function", "--end-with-input", "relay"]);
    }
}
