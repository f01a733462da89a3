//! A caller of SQS with queues of its own.

use super::{Endpoint, Outcome};
use serde_json::{Map, Value, json};

/// What AWS answers of a call that it refuses. The pages name codes; the shapes are theirs where the API has an error of
/// its own, and otherwise what AWS sends, for which an endpoint may write the code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal {
    /// The name of the shape in `__type`.
    pub(crate) shape: &'static str,
    /// The code in `x-amzn-query-error`.
    pub(crate) query: &'static str,
}

/// A refusal that is spelt differently in the two protocols.
pub(crate) const fn refusal(shape: &'static str, query: &'static str) -> Refusal {
    Refusal { shape, query }
}

/// A value of a parameter that SQS does not take.
pub(crate) const INVALID_PARAMETER: Refusal = refusal("InvalidParameterValueException", "InvalidParameterValue");
/// A value of a queue attribute that SQS does not take.
pub(crate) const INVALID_ATTRIBUTE_VALUE: Refusal = refusal("InvalidAttributeValue", "InvalidAttributeValue");
/// A parameter that is needed.
pub(crate) const MISSING_PARAMETER: Refusal = refusal("MissingRequiredParameterException", "MissingParameter");
/// No such queue.
pub(crate) const NO_QUEUE: Refusal = refusal("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue");

/// The caller of one case. Its queues' names are its own.
pub(crate) struct Sqs<'a> {
    endpoint: &'a dyn Endpoint,
    prefix: String,
}

/// A queue that the case has made.
pub(crate) struct Queue<'a> {
    sqs: &'a Sqs<'a>,
    /// Its URL.
    pub(crate) url: String,
}

/// A received message.
#[derive(Debug, Clone)]
pub(crate) struct Received(Value);

impl<'a> Sqs<'a> {
    /// The caller of the case of this number.
    pub(crate) fn new(endpoint: &'a dyn Endpoint, number: usize) -> Self {
        Self { endpoint, prefix: format!("conformance-{}-{number}", std::process::id()) }
    }

    /// A queue name of this case.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// A call that must succeed.
    pub(crate) fn call(&self, action: &str, body: &Value) -> Result<Value, String> {
        let answer = self.endpoint.call(action, body)?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        Err(format!("{action} is refused with {}: {}", answer.status, short(&answer.body)))
    }

    /// A call that must be refused in this way.
    pub(crate) fn refused(&self, action: &str, body: &Value, documented: Refusal) -> Outcome {
        let answer = self.endpoint.call(action, body)?;
        let shape = answer.body["__type"].as_str().map(|name| name.rsplit('#').next().unwrap_or(name));
        let query = answer.query_error.as_deref();
        let sender = format!("{};Sender", documented.query);
        let spelt = shape.is_some_and(|shape| [documented.shape, documented.query].contains(&shape));
        if answer.status == 400 && spelt && query == Some(&sender) {
            return Ok(());
        }
        Err(format!(
            "{action} {}: {} {shape:?} {query:?} instead of 400 {:?} {sender:?}",
            short(body),
            answer.status,
            documented.shape
        ))
    }

    /// A call that must be refused as one of these shapes; the old protocol has no code for it.
    pub(crate) fn refused_as(&self, action: &str, body: &Value, shapes: &[&str]) -> Outcome {
        let answer = self.endpoint.call(action, body)?;
        let got = answer.body["__type"].as_str().map(|name| name.rsplit('#').next().unwrap_or(name));
        if answer.status == 400 && got.is_some_and(|got| shapes.contains(&got)) {
            return Ok(());
        }
        Err(format!("{action}: {} {got:?} instead of 400 {shapes:?}", answer.status))
    }

    /// Creates a queue of this case.
    pub(crate) fn create(&'a self, name: &str, attributes: &[(&str, &str)]) -> Result<Queue<'a>, String> {
        let attributes: Map<String, Value> =
            attributes.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let mut request = json!({"QueueName": self.name(name)});
        if !attributes.is_empty() {
            request["Attributes"] = Value::Object(attributes);
        }
        let answer = self.call("CreateQueue", &request)?;
        Ok(Queue { sqs: self, url: text(&answer, "QueueUrl")? })
    }

    /// A queue and its dead-letter queue, to which messages go that were received so often.
    pub(crate) fn with_dead_letters(&'a self, receives: u32) -> Result<(Queue<'a>, Queue<'a>), String> {
        let dead = self.create("dead", &[])?;
        let policy = json!({"deadLetterTargetArn": dead.arn()?, "maxReceiveCount": receives.to_string()});
        let queue = self.create("source", &[("RedrivePolicy", &policy.to_string())])?;
        Ok((queue, dead))
    }

    /// Lets time pass.
    pub(crate) fn pass_s(&self, seconds: u64) {
        // A little more: the endpoint may count whole milliseconds, and the way there takes time.
        self.endpoint.pass(seconds * 1_000 + 50);
    }

    /// The time for spans, milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        self.endpoint.now_ms()
    }

    /// Looks until something is so, for at most ten seconds.
    pub(crate) fn until<T>(&self, what: &str, look: impl Fn() -> Result<Option<T>, String>) -> Result<T, String> {
        for _ in 0..50 {
            if let Some(found) = look()? {
                return Ok(found);
            }
            self.endpoint.pass(200);
        }
        Err(format!("{what} has not come about within 10 s"))
    }
}

impl<'a> Queue<'a> {
    /// Its caller.
    pub(crate) fn sqs(&self) -> &'a Sqs<'a> {
        self.sqs
    }

    /// The request with this queue's URL.
    pub(crate) fn request(&self, mut body: Value) -> Value {
        body["QueueUrl"] = json!(self.url);
        body
    }

    /// A call on this queue that must succeed.
    pub(crate) fn call(&self, action: &str, body: Value) -> Result<Value, String> {
        self.sqs.call(action, &self.request(body))
    }

    /// A call on this queue that must be refused.
    pub(crate) fn refused(&self, action: &str, body: Value, documented: Refusal) -> Outcome {
        self.sqs.refused(action, &self.request(body), documented)
    }

    /// Sends a body; answers the message's id.
    pub(crate) fn send(&self, body: &str) -> Result<String, String> {
        self.send_with(json!({"MessageBody": body}))
    }

    /// Sends; answers the message's id.
    pub(crate) fn send_with(&self, message: Value) -> Result<String, String> {
        text(&self.call("SendMessage", message)?, "MessageId")
    }

    /// Receives without waiting, all attributes.
    pub(crate) fn receive(&self, count: u32) -> Result<Vec<Received>, String> {
        self.receive_with(json!({"MaxNumberOfMessages": count}))
    }

    /// Receives, all attributes unless said otherwise.
    pub(crate) fn receive_with(&self, mut request: Value) -> Result<Vec<Received>, String> {
        for (name, default) in [("AttributeNames", json!(["All"])), ("MessageAttributeNames", json!(["All"]))] {
            if request.get(name).is_none() {
                request[name] = default;
            }
        }
        let answer = self.call("ReceiveMessage", request)?;
        let messages = answer.get("Messages").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(messages.into_iter().map(Received).collect())
    }

    /// Receives the one message that must be there.
    pub(crate) fn one(&self) -> Result<Received, String> {
        let mut received = self.receive(10)?;
        match (received.pop(), received.len()) {
            (Some(one), 0) => Ok(one),
            (None, _) => Err("nothing is received where one message must be".to_owned()),
            (Some(_), others) => Err(format!("{} messages are received where one must be", others + 1)),
        }
    }

    /// Receives one message of so many.
    pub(crate) fn one_of(&self, messages: usize) -> Result<Received, String> {
        let received = self.receive(1)?.pop();
        received.ok_or_else(|| format!("nothing is received of {messages} messages"))
    }

    /// Nothing may be there to receive.
    pub(crate) fn nothing(&self, why: &str) -> Outcome {
        match self.receive(10)?.len() {
            0 => Ok(()),
            count => Err(format!("{count} messages are received, {why}")),
        }
    }

    /// Deletes a delivery.
    pub(crate) fn delete(&self, delivery: &Received) -> Outcome {
        self.call("DeleteMessage", json!({"ReceiptHandle": delivery.handle()?})).map(drop)
    }

    /// Changes a delivery's visibility.
    pub(crate) fn change(&self, delivery: &Received, seconds: u32) -> Outcome {
        let request = json!({"ReceiptHandle": delivery.handle()?, "VisibilityTimeout": seconds});
        self.call("ChangeMessageVisibility", request).map(drop)
    }

    /// One attribute of the queue.
    pub(crate) fn attribute(&self, name: &str) -> Result<Option<String>, String> {
        let answer = self.call("GetQueueAttributes", json!({"AttributeNames": [name]}))?;
        Ok(answer.pointer(&format!("/Attributes/{name}")).and_then(Value::as_str).map(str::to_owned))
    }

    /// Its ARN.
    pub(crate) fn arn(&self) -> Result<String, String> {
        self.attribute("QueueArn")?.ok_or_else(|| "a queue without QueueArn".to_owned())
    }

    /// Sets one attribute.
    pub(crate) fn set(&self, name: &str, value: &str) -> Outcome {
        self.call("SetQueueAttributes", json!({"Attributes": {name: value}})).map(drop)
    }

    /// Messages ready, in flight and delayed, as the queue counts them.
    pub(crate) fn counts(&self) -> Result<[String; 3], String> {
        let names = ["", "NotVisible", "Delayed"].map(|kind| format!("ApproximateNumberOfMessages{kind}"));
        let answer = self.call("GetQueueAttributes", json!({"AttributeNames": names}))?;
        Ok(names.map(|name| answer["Attributes"][name].as_str().unwrap_or("absent").to_owned()))
    }
}

impl Received {
    /// The text.
    pub(crate) fn body(&self) -> &str {
        self.0["Body"].as_str().unwrap_or_default()
    }

    /// The message's id.
    pub(crate) fn id(&self) -> &str {
        self.0["MessageId"].as_str().unwrap_or_default()
    }

    /// The handle of this delivery.
    pub(crate) fn handle(&self) -> Result<String, String> {
        text(&self.0, "ReceiptHandle")
    }

    /// A system attribute.
    pub(crate) fn system(&self, name: &str) -> Option<&str> {
        self.0["Attributes"][name].as_str()
    }

    /// Everything.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}

/// The text of a field.
pub(crate) fn text(value: &Value, field: &str) -> Result<String, String> {
    value[field].as_str().map(str::to_owned).ok_or_else(|| format!("no {field} in {}", short(value)))
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}
