//! As much of GraphQL as clients of the sandbox shop need: one operation with variables, arguments and directives, no
//! fragments. An answer holds exactly the fields asked for; a field that the sandbox does not model is an error, so
//! that a query that a real shop would refuse is not accepted here by accident.

use serde_json::{Map, Value};

/// What was asked for: a field with its arguments, directives and own fields.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) directives: Vec<(String, Map<String, Value>)>,
    pub(super) fields: Vec<Field>,
}

/// An operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    pub(super) is_mutation: bool,
    pub(super) fields: Vec<Field>,
}

/// Deepest nesting accepted.
const DEPTH_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(Value),
    Mark(char),
}

fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = source.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match c {
            c if c.is_whitespace() || c == ',' => {}
            '#' => while rest.next_if(|(_, c)| *c != '\n').is_some() {},
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '!' | '$' | '@' | '=' => tokens.push(Token::Mark(c)),
            '"' => {
                let mut escaped = false;
                let end = loop {
                    match rest.next() {
                        Some((end, '"')) if !escaped => break end,
                        Some((_, c)) => escaped = c == '\\' && !escaped,
                        None => return Err("a text is not closed".into()),
                    }
                };
                let text =
                    serde_json::from_str(&source[at..=end]).map_err(|_| "a text has an unknown escape".to_owned())?;
                tokens.push(Token::Text(text));
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let mut name = String::from(c);
                while let Some((_, c)) = rest.next_if(|(_, c)| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                tokens.push(Token::Name(name));
            }
            c if c.is_ascii_digit() || c == '-' => {
                let mut digits = String::from(c);
                while let Some((_, c)) =
                    rest.next_if(|(_, c)| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))
                {
                    digits.push(c);
                }
                let number = serde_json::from_str(&digits).map_err(|_| format!("`{digits}` is no number"))?;
                tokens.push(Token::Number(number));
            }
            other => return Err(format!("unexpected `{other}`")),
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    variables: &'a Value,
}

/// Reads a document of one operation, variables put in.
pub(super) fn parse(source: &str, variables: &Value) -> Result<Operation, String> {
    let mut parser = Parser { tokens: tokens(source)?.into_iter().peekable(), variables };
    let mut is_mutation = false;
    if let Some(Token::Name(kind)) = parser.tokens.next_if(|token| matches!(token, Token::Name(_))) {
        is_mutation = match kind.as_str() {
            "query" => false,
            "mutation" => true,
            other => return Err(format!("unexpected `{other}`")),
        };
        parser.tokens.next_if(|token| matches!(token, Token::Name(_)));
        parser.declarations()?;
    }
    let fields = parser.fields(0)?;
    match parser.tokens.next() {
        None => Ok(Operation { is_mutation, fields }),
        Some(_) => Err("only one operation is understood".into()),
    }
}

impl Parser<'_> {
    fn mark(&mut self, mark: char) -> bool {
        self.tokens.next_if(|token| *token == Token::Mark(mark)).is_some()
    }

    fn expect(&mut self, mark: char) -> Result<(), String> {
        if self.mark(mark) { Ok(()) } else { Err(format!("expected `{mark}`")) }
    }

    fn name(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Name(name)) => Ok(name),
            _ => Err("expected a name".into()),
        }
    }

    /// `($id: ID!, …)`: types are not checked, but a required variable must be there.
    fn declarations(&mut self) -> Result<(), String> {
        if !self.mark('(') {
            return Ok(());
        }
        while !self.mark(')') {
            self.expect('$')?;
            let name = self.name()?;
            self.expect(':')?;
            let list = self.mark('[');
            self.name()?;
            let mut required = self.mark('!');
            if list {
                self.expect(']')?;
                required = self.mark('!');
            }
            if required && self.variables[name.as_str()].is_null() {
                return Err(format!("variable ${name} is required"));
            }
        }
        Ok(())
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<Field>, String> {
        if depth > DEPTH_MAX {
            return Err("nested too deeply".into());
        }
        self.expect('{')?;
        let mut fields = Vec::new();
        while !self.mark('}') {
            let name = self.name()?;
            let arguments = self.arguments(depth)?;
            let mut directives = Vec::new();
            while self.mark('@') {
                directives.push((self.name()?, self.arguments(depth)?));
            }
            let nested = self.tokens.peek() == Some(&Token::Mark('{'));
            let own = if nested { self.fields(depth + 1)? } else { Vec::new() };
            fields.push(Field { name, arguments, directives, fields: own });
        }
        Ok(fields)
    }

    fn arguments(&mut self, depth: usize) -> Result<Map<String, Value>, String> {
        let mut arguments = Map::new();
        if self.mark('(') {
            while !self.mark(')') {
                let name = self.name()?;
                self.expect(':')?;
                arguments.insert(name, self.value(depth)?);
            }
        }
        Ok(arguments)
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err("nested too deeply".into());
        }
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(text.into()),
            Some(Token::Number(number)) => Ok(number),
            Some(Token::Name(word)) => Ok(match word.as_str() {
                "true" => true.into(),
                "false" => false.into(),
                "null" => Value::Null,
                _ => word.into(),
            }),
            Some(Token::Mark('$')) => {
                let name = self.name()?;
                Ok(self.variables[name.as_str()].clone())
            }
            Some(Token::Mark('[')) => {
                let mut items = Vec::new();
                while !self.mark(']') {
                    items.push(self.value(depth + 1)?);
                }
                Ok(items.into())
            }
            Some(Token::Mark('{')) => {
                let mut object = Map::new();
                while !self.mark('}') {
                    let name = self.name()?;
                    self.expect(':')?;
                    object.insert(name, self.value(depth + 1)?);
                }
                Ok(object.into())
            }
            _ => Err("expected a value".into()),
        }
    }
}

/// Just the fields asked for of a whole value. `first` cuts a connection's nodes, or a list.
pub(super) fn select(value: &Value, field: &Field) -> Result<Value, String> {
    let limit = field.arguments.get("first").and_then(Value::as_u64).and_then(|first| usize::try_from(first).ok());
    match value {
        Value::Null => Ok(Value::Null),
        Value::Array(items) => items.iter().take(limit.unwrap_or(usize::MAX)).map(|item| pick(item, field)).collect(),
        Value::Object(object) => match (limit, object.get("nodes").and_then(Value::as_array)) {
            (None, Some(_)) => Err(format!("`{}` needs `first` or `last`", field.name)),
            (Some(limit), Some(nodes)) if nodes.len() > limit => {
                let mut cut = object.clone();
                cut.insert("nodes".into(), nodes[..limit].to_vec().into());
                cut.insert("pageInfo".into(), serde_json::json!({ "hasNextPage": true }));
                pick(&cut.into(), field)
            }
            _ => pick(value, field),
        },
        _ => pick(value, field),
    }
}

fn pick(value: &Value, field: &Field) -> Result<Value, String> {
    match value {
        Value::Object(object) if field.fields.is_empty() => Err(format!(
            "`{}` has fields ({}): choose some",
            field.name,
            object.keys().cloned().collect::<Vec<_>>().join(", ")
        )),
        Value::Object(object) => {
            let mut picked = Map::new();
            for own in &field.fields {
                let Some(found) = object.get(&own.name) else {
                    return Err(format!("Field '{}' doesn't exist on '{}'", own.name, field.name));
                };
                let location = own.arguments.get("locationId");
                let elsewhere = location.is_some() && location != found.pointer("/location/id");
                picked.insert(own.name.clone(), if elsewhere { Value::Null } else { select(found, own)? });
            }
            Ok(picked.into())
        }
        Value::Null => Ok(Value::Null),
        _ if field.fields.is_empty() => Ok(value.clone()),
        _ => Err(format!("`{}` has no fields", field.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operation_is_read_with_variables_put_in() {
        let source = "mutation Set($key: String!, $n: [Int!]) { # why\n set(input: {a: $n, b: [1, true, X]}) @idempotent(key: $key) { id errors { code } } }";
        let operation = parse(source, &json!({"key": "k", "n": [5]})).unwrap();
        assert!(operation.is_mutation);
        let set = &operation.fields[0];
        assert_eq!(Value::from(set.arguments.clone()), json!({"input": {"a": [5], "b": [1, true, "X"]}}));
        assert_eq!(set.directives[0].0, "idempotent");
        assert_eq!(set.directives[0].1["key"], "k");
        assert_eq!(set.fields[1].fields[0].name, "code");
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let deep = "{ a ".repeat(50_000);
        for source in
            ["", "{", "{ a", "{ a( }", "subscription { a }", "{ a } { b }", "{ a(b: \"x) }", "{ ...F }", &deep]
        {
            assert!(parse(source, &json!({})).is_err(), "{}", &source[..source.len().min(20)]);
        }
        assert!(parse("query($id: ID!) { a(id: $id) { b } }", &json!({})).unwrap_err().contains("$id"));
    }

    #[test]
    fn an_answer_has_just_what_was_asked_for() {
        let whole = json!({"a": 1, "list": {"pageInfo": {"hasNextPage": false}, "nodes": [{"id": 1, "x": 1}, {"id": 2, "x": 2}]}});
        let ask = |source: &str| {
            let operation = parse(source, &json!({})).unwrap();
            pick(
                &whole,
                &Field { name: "root".into(), arguments: Map::new(), directives: vec![], fields: operation.fields },
            )
        };
        assert_eq!(ask("{ a }").unwrap(), json!({"a": 1}));
        let cut = json!({"list": {"pageInfo": {"hasNextPage": true}, "nodes": [{"id": 1}]}});
        assert_eq!(ask("{ list(first: 1) { pageInfo { hasNextPage } nodes { id } } }").unwrap(), cut);
        assert!(ask("{ list { nodes { id } } }").unwrap_err().contains("first"));
        assert!(ask("{ b }").unwrap_err().contains("doesn't exist"));
        assert!(ask("{ list(first: 1) }").is_err());
        assert!(ask("{ a { b } }").is_err());
    }
}
