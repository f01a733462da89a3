//! What functions may do: their roles' statements, which the local endpoint and the simulation hold every call against.

use super::error::Checked;
use super::node::Node;
use super::resources::properties;

/// One statement of a function's policy; it allows, since a role that must deny allows too much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Actions as `dynamodb:GetItem`.
    pub actions: Vec<String>,
    /// Resolved ARNs, `*` at their end included.
    pub resources: Vec<String>,
}

impl Grant {
    /// The resource by which this statement speaks of `action` on `arn`; `*` at the end of a resource stands for any rest.
    #[must_use]
    pub fn resource_for(&self, action: &str, arn: &str) -> Option<&str> {
        let named = |resource: &&String| match resource.strip_suffix('*') {
            Some(start) => arn.starts_with(start),
            None => *resource == arn,
        };
        if !self.actions.iter().any(|granted| granted == action) {
            return None;
        }
        self.resources.iter().find(named).map(String::as_str)
    }
}

/// The statements of a role's own policies.
pub(super) fn role(resource: &Node) -> Checked<Vec<Grant>> {
    let (fields, _) = properties(resource, &[])?;
    let fields = fields.required("Properties")?.fields(
        "role property",
        &["AssumeRolePolicyDocument", "Policies"],
        &["ManagedPolicyArns"],
    )?;
    let principal = document(fields.required("AssumeRolePolicyDocument")?)?;
    for statement in principal {
        statement.fields("statement property", &[], &["Action", "Effect", "Principal"])?;
    }
    let mut grants = Vec::new();
    for policy in fields.required("Policies")?.list()? {
        let policy = policy.fields("policy property", &["PolicyDocument"], &["PolicyName"])?;
        for statement in document(policy.required("PolicyDocument")?)? {
            grants.push(grant(statement)?);
        }
    }
    Ok(grants)
}

fn document(node: &Node) -> Checked<&[Node]> {
    let fields = node.fields("policy document property", &["Statement", "Version"], &[])?;
    fields.required("Version")?.one_of("policy language version", &["2012-10-17"])?;
    fields.required("Statement")?.list()
}

fn grant(node: &Node) -> Checked<Grant> {
    let fields = node.fields("statement property", &["Action", "Effect", "Resource"], &["Sid"])?;
    let texts =
        |name: &str| -> Checked<Vec<String>> { fields.required(name)?.one_or_many().iter().map(Node::text).collect() };
    fields.required("Effect")?.one_of("effect", &["Allow"])?;
    Ok(Grant { actions: texts("Action")?, resources: texts("Resource")? })
}
