//! What is described is what is deployed.

use crate::stack::template;
use infra::template::{Overrides, load};
use std::collections::BTreeMap;

fn stack() -> infra::template::model::Stack {
    let overrides = Overrides {
        parameters: BTreeMap::from([
            ("SecretsKey".to_owned(), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned()),
            ("AdministratorKeyHash".to_owned(), "0".repeat(64)),
        ]),
        ..Overrides::default()
    };
    load(&template(), &overrides).unwrap()
}

#[test]
fn the_served_document_is_the_one_that_the_code_generates() {
    let served = include_str!("../../functions/about/openapi.json");
    let generated = infra::openapi::document_text().unwrap();
    assert!(served == generated, "regenerate it: cargo local openapi > functions/about/openapi.json");
}

#[test]
fn the_api_describes_exactly_the_routes_of_the_template() {
    let document = infra::openapi::document().unwrap();
    let described = infra::openapi::routes(&document);
    let mut declared: Vec<String> = stack()
        .functions
        .values()
        .flat_map(|function| &function.routes)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    declared.sort();
    assert_eq!(described, declared);
}

#[test]
fn handler_tests_run_on_the_tables_of_the_template() {
    let declared = stack().tables;
    assert_eq!(declared.len(), testkit::tables::TABLES.len());
    for shape in testkit::tables::TABLES {
        let table =
            declared.iter().find(|table| table.name == shape.name).unwrap_or_else(|| panic!("no {}", shape.name));
        let request = shape.create_request();
        assert_eq!(table.create["KeySchema"], request["KeySchema"], "{}", shape.name);
        let indexes = |request: &serde_json::Value| -> BTreeMap<String, (serde_json::Value, serde_json::Value)> {
            let indexes = request["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
            indexes
                .map(|index| {
                    let name = index["IndexName"].as_str().unwrap_or_default().to_owned();
                    (name, (index["KeySchema"].clone(), index["Projection"].clone()))
                })
                .collect()
        };
        assert_eq!(indexes(&table.create), indexes(&request), "{}", shape.name);
        let stream = |request: &serde_json::Value| request["StreamSpecification"]["StreamViewType"].clone();
        assert_eq!(stream(&table.create), stream(&request), "{}", shape.name);
    }
}
