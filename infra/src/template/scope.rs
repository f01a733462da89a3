//! What a name in the template stands for on one machine: parameters, conditions, resources and the intrinsics.

use super::conditions::Conditions;
use super::error::{Checked, Fault, Problem};
use super::node::{Node, Value};
use super::{ACCOUNT, Overrides, REGION};
use std::collections::BTreeMap;

/// The resource types that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    HttpApi,
    Table,
    Queue,
    Bucket,
    BucketPolicy,
    Role,
    ManagedPolicy,
    LogGroup,
    Alarm,
    Topic,
    Dashboard,
    Key,
}

/// The names of AWS's own that are known.
const PSEUDO_PARAMETERS: [&str; 5] =
    ["AWS::AccountId", "AWS::NoValue", "AWS::Partition", "AWS::Region", "AWS::StackName"];

/// Each type: its CloudFormation name, and the suffix of logical ids that its local names lose.
const KINDS: &[(Kind, &str, &str)] = &[
    (Kind::Function, "AWS::Serverless::Function", ""),
    (Kind::HttpApi, "AWS::Serverless::HttpApi", ""),
    (Kind::Table, "AWS::DynamoDB::Table", "Table"),
    (Kind::Queue, "AWS::SQS::Queue", "Queue"),
    (Kind::Bucket, "AWS::S3::Bucket", "Bucket"),
    (Kind::BucketPolicy, "AWS::S3::BucketPolicy", ""),
    (Kind::Role, "AWS::IAM::Role", ""),
    (Kind::ManagedPolicy, "AWS::IAM::ManagedPolicy", ""),
    (Kind::LogGroup, "AWS::Logs::LogGroup", ""),
    (Kind::Alarm, "AWS::CloudWatch::Alarm", ""),
    (Kind::Topic, "AWS::SNS::Topic", ""),
    (Kind::Dashboard, "AWS::CloudWatch::Dashboard", ""),
    (Kind::Key, "AWS::KMS::Key", ""),
];

/// A declared resource: its type and its name on this machine.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resource {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// The condition without which it is not created, if that does not hold.
    pub(super) missing: Option<String>,
}

/// All names of a template.
#[derive(Debug)]
pub(super) struct Scope<'o> {
    overrides: &'o Overrides,
    parameters: BTreeMap<String, Value>,
    conditions: Conditions,
    resources: BTreeMap<String, Resource>,
}

impl<'o> Scope<'o> {
    /// Reads the resources' ids, types and conditions.
    pub(super) fn new(
        parameters: BTreeMap<String, Value>,
        conditions: Conditions,
        resources: &Node,
        overrides: &'o Overrides,
    ) -> Checked<Self> {
        let mut known: BTreeMap<String, Resource> = BTreeMap::new();
        for (key, node) in resources.map()? {
            let fault = |problem| Fault { line: key.line, ..node.fault(problem) };
            if key.name.is_empty() || !key.name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(fault(Problem::Invalid("a logical id is letters and digits".to_owned())));
            }
            if parameters.contains_key(&key.name) {
                return Err(fault(Problem::Invalid("a parameter has this name too".to_owned())));
            }
            let types: Vec<&'static str> = KINDS.iter().map(|(_, name, _)| *name).collect();
            let entries = node.map()?;
            let attribute = |name: &str| entries.iter().find(|(key, _)| key.name == name).map(|(_, value)| value);
            let type_node = attribute("Type").ok_or_else(|| fault(Problem::Missing("Type".to_owned())))?;
            let type_name = type_node.one_of("resource type", &types)?;
            let missing = match attribute("Condition") {
                Some(condition) if !conditions.holds(condition)? => Some(condition.text()?),
                _ => None,
            };
            for (kind, name, suffix) in KINDS {
                if *name == type_name {
                    let name = kebab(key.name.strip_suffix(suffix).unwrap_or(&key.name));
                    let resource = Resource { kind: *kind, name, missing: missing.clone() };
                    if known.values().any(|other| (other.kind, &other.name) == (*kind, &resource.name)) {
                        return Err(fault(Problem::Invalid(format!(
                            "another resource of this type is called `{}` on one machine",
                            resource.name
                        ))));
                    }
                    known.insert(key.name.clone(), resource);
                }
            }
        }
        Ok(Self { overrides, parameters, conditions, resources: known })
    }

    /// The resource that `id` declares.
    pub(super) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.get(id)
    }

    /// Whether a resource of `kind` has this local name.
    pub(super) fn is_named(&self, name: &str, kind: Kind) -> bool {
        self.resources.values().any(|resource| resource.kind == kind && resource.name == name)
    }

    /// The name of the `kind` resource whose `attribute` the node holds.
    pub(super) fn owner(&self, node: &Node, kind: Kind, attribute: &str) -> Checked<String> {
        let text = node.text()?;
        self.resources
            .values()
            .filter(|resource| resource.kind == kind)
            .find(|resource| self.attribute(resource, attribute).as_deref() == Some(text.as_str()))
            .map(|resource| resource.name.clone())
            .ok_or_else(|| {
                let known: Vec<String> = self
                    .resources
                    .iter()
                    .filter(|(_, resource)| resource.kind == kind)
                    .map(|(id, _)| format!("!GetAtt {id}.{attribute}"))
                    .collect();
                node.fault(Problem::Unknown { what: "reference", found: text, known })
            })
    }

    /// The same tree with every intrinsic replaced by what it stands for.
    pub(super) fn resolved(&self, node: &Node) -> Checked<Node> {
        self.resolve(node, Standing::Created)
    }

    /// [`Self::resolved`] of a resource that is not created here: its names are checked all the same.
    pub(super) fn resolved_unused(&self, node: &Node) -> Checked<Node> {
        self.resolve(node, Standing::Unused)
    }

    fn resolve(&self, node: &Node, standing: Standing) -> Checked<Node> {
        let mut value = match &node.value {
            Value::Call(function, argument) if function == "!If" => self.choose(node, argument, standing)?,
            Value::Call(function, argument) => self.call(node, function, argument, standing)?,
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.resolve(item, standing)).collect::<Checked<_>>()?)
            }
            Value::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), self.resolve(value, standing)?)))
                    .collect::<Checked<_>>()?,
            ),
            plain => plain.clone(),
        };
        match &mut value {
            Value::List(items) => items.retain(|item| item.value != Value::Absent),
            Value::Map(entries) => entries.retain(|(_, entry)| entry.value != Value::Absent),
            _ => {}
        }
        Ok(Node { line: node.line, path: node.path.clone(), value })
    }

    /// `!If [Condition, then, else]`. What is not chosen is resolved, too: a wrong name in it waits for nobody's account.
    fn choose(&self, node: &Node, argument: &Node, standing: Standing) -> Checked<Value> {
        let [condition, then, otherwise] = argument.list()? else {
            return Err(node.invalid("!If takes a condition and two values"));
        };
        let (chosen, other) = if self.conditions.holds(condition)? { (then, otherwise) } else { (otherwise, then) };
        self.resolve(other, Standing::Unused)?;
        self.resolve(chosen, standing).map(|chosen| chosen.value)
    }

    fn call(&self, node: &Node, function: &str, argument: &Node, standing: Standing) -> Checked<Value> {
        let text = match (function, &argument.value) {
            ("!Ref" | "!GetAtt" | "!Sub", Value::Text(text)) => text,
            ("!Ref" | "!GetAtt" | "!Sub", _) => {
                return Err(node.invalid(format!("{function} takes one text here")));
            }
            _ => {
                let known = ["!Ref", "!GetAtt", "!Sub", "!If"];
                return Err(node.unknown("intrinsic function", function.to_owned(), &known));
            }
        };
        match function {
            "!Ref" => self.reference(node, text, standing),
            "!GetAtt" => {
                let (id, attribute) =
                    text.split_once('.').ok_or_else(|| node.invalid("!GetAtt takes `Resource.Attribute`"))?;
                self.get_attribute(node, id, attribute, standing).map(Value::Text)
            }
            _ => self.substitute(node, text, standing).map(Value::Text),
        }
    }

    fn reference(&self, node: &Node, name: &str, standing: Standing) -> Checked<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        match name {
            "AWS::Region" => return Ok(Value::Text(REGION.to_owned())),
            "AWS::AccountId" => return Ok(Value::Text(ACCOUNT.to_owned())),
            "AWS::Partition" => return Ok(Value::Text("aws".to_owned())),
            "AWS::StackName" => return Ok(Value::Text("local".to_owned())),
            "AWS::NoValue" => return Ok(Value::Absent),
            _ => {}
        }
        let resource = self.resources.get(name).ok_or_else(|| {
            let known: Vec<&str> = self
                .parameters
                .keys()
                .chain(self.resources.keys())
                .map(String::as_str)
                .chain(PSEUDO_PARAMETERS)
                .collect();
            node.unknown("name", name.to_owned(), &known)
        })?;
        created(node, name, resource, standing)?;
        Ok(Value::Text(match resource.kind {
            Kind::Queue => format!("http://127.0.0.1:{}/{ACCOUNT}/{}", self.overrides.aws_port, resource.name),
            Kind::ManagedPolicy => format!("arn:aws:iam::{ACCOUNT}:policy/{}", resource.name),
            Kind::Topic => format!("arn:aws:sns:{REGION}:{ACCOUNT}:{}", resource.name),
            _ => resource.name.clone(),
        }))
    }

    fn get_attribute(&self, node: &Node, id: &str, attribute: &str, standing: Standing) -> Checked<String> {
        let resource = self.resources.get(id).ok_or_else(|| {
            let known: Vec<&str> = self.resources.keys().map(String::as_str).collect();
            node.unknown("resource", id.to_owned(), &known)
        })?;
        created(node, id, resource, standing)?;
        self.attribute(resource, attribute)
            .ok_or_else(|| node.unknown("attribute", attribute.to_owned(), attributes(resource.kind)))
    }

    fn attribute(&self, resource: &Resource, attribute: &str) -> Option<String> {
        let name = &resource.name;
        let value = match (resource.kind, attribute) {
            (Kind::Function, "Arn") => format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"),
            (Kind::HttpApi, "ApiEndpoint") => {
                format!("http://127.0.0.1:{}", self.overrides.api_port)
            }
            (Kind::Table, "Arn") => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"),
            // The label is the engine's to choose; here the ARN only says which table's stream is meant.
            (Kind::Table, "StreamArn") => {
                format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}/stream/latest")
            }
            (Kind::Queue, "Arn") => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"),
            (Kind::Queue, "QueueName") => name.clone(),
            (Kind::Bucket, "Arn") => format!("arn:aws:s3:::{name}"),
            (Kind::Role, "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
            (Kind::LogGroup, "Arn") => {
                format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*")
            }
            (Kind::Alarm, "Arn") => format!("arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"),
            (Kind::Key, "Arn") => format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}"),
            _ => return None,
        };
        Some(value)
    }

    fn substitute(&self, node: &Node, text: &str, standing: Standing) -> Checked<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}').ok_or_else(|| node.invalid("`${` without `}`"))?;
            out.push_str(before);
            match name.split_once('.') {
                Some((id, attribute)) => out.push_str(&self.get_attribute(node, id, attribute, standing)?),
                None => {
                    let value = self.reference(node, name, standing)?;
                    out.push_str(&Node { value, ..node.clone() }.text()?);
                }
            }
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn attributes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Table => &["Arn", "StreamArn"],
        Kind::Queue => &["Arn", "QueueName"],
        Kind::HttpApi => &["ApiEndpoint"],
        Kind::Function | Kind::Bucket | Kind::Role | Kind::LogGroup | Kind::Alarm | Kind::Key => &["Arn"],
        Kind::BucketPolicy | Kind::ManagedPolicy | Kind::Topic | Kind::Dashboard => &[],
    }
}

/// Whether a part of the template takes effect here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It does: what it names must exist.
    Created,
    /// A condition leaves it out.
    Unused,
}

/// Refuses to name a resource that a condition leaves out, as CloudFormation does.
fn created(node: &Node, id: &str, resource: &Resource, standing: Standing) -> Checked<()> {
    match (&resource.missing, standing) {
        (Some(condition), Standing::Created) => {
            Err(node.invalid(format!("`{id}` is not created here, since `{condition}` does not hold")))
        }
        _ => Ok(()),
    }
}

/// `OrderIntake` → `order-intake`.
#[must_use]
pub fn kebab(id: &str) -> String {
    let mut out = String::with_capacity(id.len() + 4);
    for (index, letter) in id.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
