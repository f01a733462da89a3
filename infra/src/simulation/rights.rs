//! Which rights nobody used. A call that a role does not allow is a violation; a right that no run uses is either gone from the
//! template or used elsewhere.

use std::collections::BTreeSet;
use std::path::Path;

use super::SimulationError;
use super::declared::declared;
use crate::host::names::queue_arn;
use crate::rights::Right;
use crate::template::model::Function;

/// The rights of the template that are not among those `used`, without those that Lambda itself uses for the functions: it
/// reads their queues and streams, and sets aside what it gives up.
///
/// # Errors
/// [`SimulationError`], when the template cannot be read.
pub fn unused(template: &Path, used: &BTreeSet<Right>) -> Result<BTreeSet<Right>, SimulationError> {
    let declared = declared(template)?;
    let mut unused = BTreeSet::new();
    for (name, grants) in &declared.grants {
        let by_lambda = declared.stack.functions.get(name).map(by_lambda).unwrap_or_default();
        for grant in grants {
            let pairs = grant.actions.iter().flat_map(|action| grant.resources.iter().map(move |on| (action, on)));
            let own = pairs.filter(|(action, resource)| {
                !resource.contains("/stream/") && !by_lambda.contains(&((*action).clone(), (*resource).clone()))
            });
            unused.extend(own.map(|(action, resource)| Right {
                function: name.clone(),
                action: action.clone(),
                resource: resource.clone(),
            }));
        }
    }
    Ok(&unused - used)
}

/// What Lambda does in the function's name, beside reading its streams.
fn by_lambda(function: &Function) -> BTreeSet<(String, String)> {
    let queues = function.queue_sources.iter().flat_map(|source| {
        let actions = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
        actions.map(|action| (format!("sqs:{action}"), queue_arn(&source.queue)))
    });
    let aside = function.stream_sources.iter().filter_map(|source| source.on_failure_queue.as_deref());
    queues.chain(aside.map(|queue| ("sqs:SendMessage".to_owned(), queue_arn(queue)))).collect()
}
