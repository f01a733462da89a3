//! What a name in the template stands for on one machine: parameters, resources and the three intrinsics.

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
}

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
];

/// A declared resource: its type and its name on this machine.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resource {
    pub(super) kind: Kind,
    pub(super) name: String,
}

/// All names of a template.
#[derive(Debug)]
pub(super) struct Scope<'o> {
    overrides: &'o Overrides,
    parameters: BTreeMap<String, Value>,
    resources: BTreeMap<String, Resource>,
}

impl<'o> Scope<'o> {
    /// Reads the resources' ids and types.
    pub(super) fn new(
        parameters: BTreeMap<String, Value>,
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
            let type_node = node
                .map()?
                .iter()
                .find(|(key, _)| key.name == "Type")
                .map(|(_, value)| value)
                .ok_or_else(|| fault(Problem::Missing("Type".to_owned())))?;
            let type_name = type_node.one_of("resource type", &types)?;
            for (kind, name, suffix) in KINDS {
                if *name == type_name {
                    let resource =
                        Resource { kind: *kind, name: kebab(key.name.strip_suffix(suffix).unwrap_or(&key.name)) };
                    if known.values().any(|other| *other == resource) {
                        return Err(fault(Problem::Invalid(format!(
                            "another resource of this type is called `{}` on one machine",
                            resource.name
                        ))));
                    }
                    known.insert(key.name.clone(), resource);
                }
            }
        }
        Ok(Self { overrides, parameters, resources: known })
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
        let value = match &node.value {
            Value::Call(function, argument) => self.call(node, function, argument)?,
            Value::List(items) => Value::List(items.iter().map(|item| self.resolved(item)).collect::<Checked<_>>()?),
            Value::Map(entries) => Value::Map(
                entries.iter().map(|(key, value)| Ok((key.clone(), self.resolved(value)?))).collect::<Checked<_>>()?,
            ),
            plain => plain.clone(),
        };
        Ok(Node { line: node.line, path: node.path.clone(), value })
    }

    fn call(&self, node: &Node, function: &str, argument: &Node) -> Checked<Value> {
        let text = match (function, &argument.value) {
            ("!Ref" | "!GetAtt" | "!Sub", Value::Text(text)) => text,
            ("!Ref" | "!GetAtt" | "!Sub", _) => {
                return Err(node.invalid(format!("{function} takes one text here")));
            }
            _ => {
                return Err(node.unknown("intrinsic function", function.to_owned(), &["!Ref", "!GetAtt", "!Sub"]));
            }
        };
        match function {
            "!Ref" => self.reference(node, text),
            "!GetAtt" => {
                let (id, attribute) =
                    text.split_once('.').ok_or_else(|| node.invalid("!GetAtt takes `Resource.Attribute`"))?;
                self.get_attribute(node, id, attribute).map(Value::Text)
            }
            _ => self.substitute(node, text).map(Value::Text),
        }
    }

    fn reference(&self, node: &Node, name: &str) -> Checked<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        match name {
            "AWS::Region" => return Ok(Value::Text(REGION.to_owned())),
            "AWS::AccountId" => return Ok(Value::Text(ACCOUNT.to_owned())),
            "AWS::Partition" => return Ok(Value::Text("aws".to_owned())),
            _ => {}
        }
        let resource = self.resources.get(name).ok_or_else(|| {
            let known: Vec<&str> = self
                .parameters
                .keys()
                .chain(self.resources.keys())
                .map(String::as_str)
                .chain(["AWS::Region", "AWS::AccountId", "AWS::Partition"])
                .collect();
            node.unknown("name", name.to_owned(), &known)
        })?;
        Ok(Value::Text(match resource.kind {
            Kind::Queue => format!("http://127.0.0.1:{}/{ACCOUNT}/{}", self.overrides.aws_port, resource.name),
            Kind::ManagedPolicy => format!("arn:aws:iam::{ACCOUNT}:policy/{}", resource.name),
            Kind::Topic => format!("arn:aws:sns:{REGION}:{ACCOUNT}:{}", resource.name),
            _ => resource.name.clone(),
        }))
    }

    fn get_attribute(&self, node: &Node, id: &str, attribute: &str) -> Checked<String> {
        let resource = self.resources.get(id).ok_or_else(|| {
            let known: Vec<&str> = self.resources.keys().map(String::as_str).collect();
            node.unknown("resource", id.to_owned(), &known)
        })?;
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
            _ => return None,
        };
        Some(value)
    }

    fn substitute(&self, node: &Node, text: &str) -> Checked<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}').ok_or_else(|| node.invalid("`${` without `}`"))?;
            out.push_str(before);
            match name.split_once('.') {
                Some((id, attribute)) => out.push_str(&self.get_attribute(node, id, attribute)?),
                None => {
                    let value = self.reference(node, name)?;
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
        Kind::Function | Kind::Bucket | Kind::Role | Kind::LogGroup => &["Arn"],
        Kind::BucketPolicy | Kind::ManagedPolicy | Kind::Alarm | Kind::Topic => &[],
    }
}

/// `OrderIntake` → `order-intake`.
fn kebab(id: &str) -> String {
    let mut out = String::with_capacity(id.len() + 4);
    for (index, letter) in id.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            out.push('-');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
