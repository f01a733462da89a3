//! `template.yaml` read strictly: what one machine can do of it is resolved into a [`model::Stack`], what only
//! AWS can do is accepted by name, and everything else is an error with file, line and what is known.

mod coherence;
mod conditions;
mod error;
pub mod filter;
mod functions;
mod grants;
pub mod model;
mod node;
mod parameters;
mod resources;
pub mod schedule;
mod scope;
mod yaml;

pub use error::{Problem, TemplateError};
pub use grants::Grant;
pub use model::Stack;
pub use scope::kebab;

use conditions::Conditions;
use error::Checked;
use node::Node;
use scope::{Kind, Scope};
use std::collections::BTreeMap;
use std::path::Path;

/// The region that local ARNs name.
pub const REGION: &str = "eu-central-1";

/// The account that local ARNs and queue URLs name.
pub const ACCOUNT: &str = "000000000000";

/// What the caller decides instead of the template's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrides {
    /// Parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// Port of the AWS endpoint; queue URLs name it.
    pub aws_port: u16,
    /// Port of the HTTP API.
    pub api_port: u16,
}

impl Default for Overrides {
    fn default() -> Self {
        Self { parameters: BTreeMap::new(), aws_port: 4566, api_port: 8080 }
    }
}

/// Everything that a template declares.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Declared {
    /// What a host runs.
    pub stack: Stack,
    /// What each function may do, by function name.
    pub grants: BTreeMap<String, Vec<Grant>>,
    /// Outputs, resolved.
    pub outputs: BTreeMap<String, String>,
    /// Every resource that is created, resolved, by logical id: its attributes and properties as they stand.
    pub resources: BTreeMap<String, serde_json::Value>,
}

/// Reads the template at `path` for one machine.
///
/// # Errors
/// The first thing that is wrong, or not known here, with its line; see [`TemplateError`].
pub fn load(path: &Path, overrides: &Overrides) -> Result<Stack, TemplateError> {
    load_all(path, overrides).map(|declared| declared.stack)
}

/// [`load`], with the functions' rights, and what has no effect on one machine but can be checked.
///
/// # Errors
/// As [`load`].
pub fn load_all(path: &Path, overrides: &Overrides) -> Result<Declared, TemplateError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| TemplateError::Unreadable { file: path.to_owned(), source })?;
    read(&text, path, overrides)
}

/// [`load_all`] of a text; `file` is what errors name.
///
/// # Errors
/// As [`load`].
pub fn read(text: &str, file: &Path, overrides: &Overrides) -> Result<Declared, TemplateError> {
    let root = yaml::parse(text).map_err(|fault| fault.in_file(file))?;
    let parameters = parameters(&root, overrides).map_err(|fault| fault.in_file(file))?;
    if let Some(name) = overrides.parameters.keys().find(|name| !parameters.contains_key(*name)) {
        return Err(TemplateError::UnknownParameter {
            file: file.to_owned(),
            name: name.clone(),
            known: parameters.into_keys().collect(),
        });
    }
    declared(&root, parameters, overrides).map_err(|fault| fault.in_file(file))
}

fn sections(root: &Node) -> Checked<node::Fields<'_>> {
    root.fields(
        "section",
        &["AWSTemplateFormatVersion", "Conditions", "Globals", "Outputs", "Parameters", "Resources", "Transform"],
        &["Description"],
    )
}

fn parameters(root: &Node, overrides: &Overrides) -> Checked<BTreeMap<String, node::Value>> {
    let sections = sections(root)?;
    sections.required("AWSTemplateFormatVersion")?.one_of("format version", &["2010-09-09"])?;
    sections.required("Transform")?.one_of("transform", &["AWS::Serverless-2016-10-31"])?;
    sections.get("Parameters").map_or_else(|| Ok(BTreeMap::new()), |node| parameters::read(node, overrides))
}

fn declared(root: &Node, parameters: BTreeMap<String, node::Value>, overrides: &Overrides) -> Checked<Declared> {
    let sections = sections(root)?;
    let resources = sections.required("Resources")?;
    let conditions = sections.get("Conditions").map(|node| Conditions::read(node, &parameters)).transpose()?;
    let scope = Scope::new(parameters, conditions.unwrap_or_default(), resources, overrides)?;
    let globals = sections.get("Globals").map(|node| function_globals(node, &scope)).transpose()?.flatten();

    let mut all = Declared::default();
    let mut roles = BTreeMap::new();
    let mut role_of = BTreeMap::new();
    for (key, unresolved) in resources.map()? {
        let Some(resource) = scope.resource(&key.name) else {
            continue;
        };
        if resource.missing.is_some() {
            resources::left_out(resource.kind, &scope.resolved_unused(unresolved)?)?;
            continue;
        }
        let node = scope.resolved(unresolved)?;
        let name = resource.name.as_str();
        all.resources.insert(key.name.clone(), node.json());
        match resource.kind {
            Kind::Function => {
                let (function, role) = functions::function(name, &node, globals.as_ref(), &scope)?;
                role_of.insert(function.name.clone(), role);
                all.stack.functions.insert(function.name.clone(), function);
            }
            Kind::Table => all.stack.tables.push(resources::table(name, &node)?),
            Kind::Queue => all.stack.queues.push(resources::queue(name, &node, &scope)?),
            Kind::Bucket => all.stack.buckets.push(resources::bucket(name, &node)?),
            Kind::Role => {
                roles.insert(name.to_owned(), grants::role(&node)?);
            }
            kind @ (Kind::HttpApi
            | Kind::BucketPolicy
            | Kind::ManagedPolicy
            | Kind::LogGroup
            | Kind::Alarm
            | Kind::Topic
            | Kind::Dashboard
            | Kind::Key) => resources::inert(kind, &node)?,
        }
    }
    for (function, role) in role_of {
        let grants = roles.get(&role).cloned().unwrap_or_default();
        all.grants.insert(function, grants);
    }
    coherence::check(resources, &scope, &all.stack)?;
    if let Some(outputs) = sections.get("Outputs") {
        for (key, node) in scope.resolved(outputs)?.map()? {
            let fields = node.fields("output property", &["Value"], &["Description"])?;
            all.outputs.insert(key.name.clone(), fields.required("Value")?.text()?);
        }
    }
    Ok(all)
}

fn function_globals(node: &Node, scope: &Scope<'_>) -> Checked<Option<Node>> {
    let resolved = scope.resolved(node)?;
    let fields = resolved.fields("section of Globals", &["Function"], &[])?;
    let Some(function) = fields.get("Function") else {
        return Ok(None);
    };
    functions::globals(function)?;
    Ok(Some(function.clone()))
}
