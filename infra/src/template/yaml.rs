//! YAML text to [`Node`]s: the subset that CloudFormation takes.

use super::error::{Checked, Fault, Problem};
use super::node::{Key, Node, Value};
use saphyr::{LoadableYamlNode, MarkedYamlOwned, ScalarOwned, YamlDataOwned};

/// Reads one YAML document.
pub(super) fn parse(text: &str) -> Checked<Node> {
    let at = |line, message: String| Fault { line, path: "template".to_owned(), problem: Problem::Syntax(message) };
    let documents =
        MarkedYamlOwned::load_from_str(text).map_err(|error| at(error.marker().line(), error.info().to_owned()))?;
    match documents.as_slice() {
        [document] => convert(document, None, String::new()),
        [] => Err(at(1, "the file is empty".to_owned())),
        [_, second, ..] => {
            Err(at(second.span.start.line(), "a template is one YAML document, here a second one begins".to_owned()))
        }
    }
}

/// `key_line` is the line of the key whose value this is: a block's own position is that of its first
/// line, which is not where a reader looks for it.
fn convert(yaml: &MarkedYamlOwned, key_line: Option<usize>, path: String) -> Checked<Node> {
    let own_line = yaml.span.start.line();
    let syntax = |message: String| Fault { line: own_line, path: path.clone(), problem: Problem::Syntax(message) };
    let (line, value) = match &yaml.data {
        YamlDataOwned::Value(scalar) => (own_line, scalar_value(scalar).map_err(syntax)?),
        YamlDataOwned::Sequence(items) => {
            let items = items
                .iter()
                .enumerate()
                .map(|(index, item)| convert(item, None, format!("{path}[{index}]")))
                .collect::<Checked<_>>()?;
            (key_line.unwrap_or(own_line), Value::List(items))
        }
        YamlDataOwned::Mapping(entries) => {
            let mut converted = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                let line = key.span.start.line();
                let YamlDataOwned::Value(ScalarOwned::String(name)) = &key.data else {
                    return Err(Fault { line, ..syntax("a key must be a text".to_owned()) });
                };
                if name == "Ref" || name.starts_with("Fn::") {
                    return Err(Fault {
                        line,
                        ..syntax(format!(
                            "`{name}:` is the long form of an intrinsic function; known is the short form: !Ref, !GetAtt, !Sub, !If"
                        ))
                    });
                }
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                let key = Key { name: name.clone(), line };
                converted.push((key, convert(value, Some(line), path)?));
            }
            (key_line.unwrap_or(own_line), Value::Map(converted))
        }
        YamlDataOwned::Tagged(tag, inner) => {
            let argument = convert(inner, key_line, path.clone())?;
            let function = format!("{}{}", tag.handle, tag.suffix);
            (own_line, Value::Call(function, Box::new(argument)))
        }
        YamlDataOwned::Alias(_) | YamlDataOwned::BadValue | YamlDataOwned::Representation(..) => {
            return Err(syntax("a value that CloudFormation does not take".to_owned()));
        }
    };
    Ok(Node { line, path, value })
}

fn scalar_value(scalar: &ScalarOwned) -> Result<Value, String> {
    match scalar {
        ScalarOwned::Null => Ok(Value::Null),
        ScalarOwned::Boolean(boolean) => Ok(Value::Boolean(*boolean)),
        ScalarOwned::Integer(number) => Ok(Value::Integer(*number)),
        ScalarOwned::String(text) => Ok(Value::Text(text.clone())),
        ScalarOwned::FloatingPoint(number) => {
            Err(format!("{number} is a fraction; no property here takes one (quote it if it is a text)"))
        }
    }
}
