//! Mistakes: each is made in the real template, and refused on the line where it was made.

use super::{overrides, root, text};
use infra::template::{TemplateError, load, read};
use std::path::Path;

/// Makes each mistake of a table, one per line: `place | text | replacement | message | where`. The text is
/// the first one after the place; the message is part of what is said; where, if not at the replacement,
/// is the text whose line is reported.
fn refused(table: &str) {
    let template = text();
    for row in table.lines().filter(|row| !row.trim().is_empty()) {
        let columns: Vec<String> = row.split(" | ").map(|column| column.trim_start().replace("\\n", "\n")).collect();
        let (place, from, to, expect, marker) = match columns.as_slice() {
            [place, from, to, expect] => (place, from, to, expect, to),
            [place, from, to, expect, marker] => (place, from, to, expect, marker),
            _ => panic!("`{row}` has {} columns", columns.len()),
        };
        let start = [format!("\n  {place}:"), format!("\n{place}:")]
            .iter()
            .find_map(|line| template.find(line))
            .unwrap_or_else(|| panic!("no `{place}` in the template"));
        let at = start + template[start..].find(from).unwrap_or_else(|| panic!("no `{from}` after `{place}`"));
        let changed = format!("{}{to}{}", &template[..at], &template[at + from.len()..]);
        // What contradicts another part is reported there, which may stand before.
        let marked = changed[start..]
            .find(marker)
            .map(|offset| start + offset)
            .or_else(|| changed.find(marker))
            .unwrap_or_else(|| panic!("no `{marker}`"));
        let line = changed[..marked].matches('\n').count() + 1;
        match read(&changed, Path::new("template.yaml"), &overrides()) {
            Ok(_) => panic!("accepted: {row}"),
            Err(error) => {
                let message = error.to_string();
                assert_eq!(error.line(), Some(line), "{message}");
                assert!(message.contains(expect), "{message}\nwanted: {row}");
                let place = format!("template.yaml:{line}: ");
                assert!(message.starts_with(&place), "{message}");
            }
        }
    }
}

#[test]
fn unknown_names_are_refused_with_what_is_known() {
    refused(
        r#"
Globals | Globals: | Global: | unknown section `Global`; known: AWSTemplateFormatVersion,
OrdersTable | AWS::DynamoDB::Table | AWS::DynamoDB::GlobalTable | unknown resource type `AWS::DynamoDB::GlobalTable`; known: AWS::Serverless::Function | GlobalTable
OrdersTable | DeletionPolicy | DeletePolicy | unknown resource attribute `DeletePolicy`
OrdersTable | BillingMode: | BilingMode: | Resources.OrdersTable.Properties: unknown table property `BilingMode`
PicksQueue | VisibilityTimeout | VisibilityTimeOut | unknown queue property
DocumentsBucket | BucketEncryption | BucketEncrypt | unknown bucket property
PicksDeadLettersAlarm | Threshold | Treshold | unknown property `Treshold`
OrderIntake | CodeUri | CodeUrl | unknown function property
PickPack | Type: SQS | Type: Sqs | unknown event type `Sqs`; known: HttpApi, SQS, DynamoDB, Schedule
PickPack | BatchSize | BatchSizes | unknown queue event property
Relay | BisectBatchOnFunctionError | Bisect | unknown stream event property | Bisect:
OrderIntake | Method: POST | Verb: POST | unknown route property
Globals | MemorySize | Memory | Globals.Function: unknown function property | Memory:
OrderIntakeRole | Effect: Allow\n | Affect: Allow\n | unknown statement property
Conditions | HasOwnKey: !Equals | HasOwnKey: !Same | unknown condition function `!Same`; known: !Equals, !Not
Conditions | !Ref EncryptionKey | !Ref EncryptKey | unknown parameter `EncryptKey` | !Ref EncryptKey
Globals | !If [HasOwnKey | !If [OwnKey | unknown condition `OwnKey`; known: HasOwnKey, HasReservationPollers
DataKey | Condition: HasOwnKey | Condition: OwnKey | unknown condition `OwnKey`
DataKey | EnableKeyRotation | EnableRotation | unknown property `EnableRotation`
Api | "GET /v1/health" | "GET /v1/healthy" | unknown route `GET /v1/healthy`; known: GET /v1/health
Dashboard | DashboardBody | Body | unknown property `Body`
"#,
    );
}

#[test]
fn references_to_nothing_are_refused() {
    refused(
        r#"
PickPack | !Ref AccountsTable | !Ref AccountTable | unknown name `AccountTable`; known: AccountsTable and
PickPack | !GetAtt PicksQueue.Arn | !GetAtt PickQueue.Arn | unknown resource `PickQueue`
PickPack | !GetAtt PicksQueue.Arn | !GetAtt PicksQueue.URN | unknown attribute `URN`; known: Arn, QueueName
PickPack | !GetAtt PicksQueue.Arn | !GetAtt OrdersTable.Arn | unknown reference
PickPack | !GetAtt PicksQueue.Arn | !Select [0, [a]] | unknown intrinsic function `!Select`; known: !Ref, !GetAtt, !Sub, !If
PickPack | !GetAtt PicksQueue.Arn | { "Fn::GetAtt": [PicksQueue, Arn] } | long form | Fn::GetAtt
PickPackRole | ${TasksTable.Arn} | ${TaskTable.Arn} | unknown resource `TaskTable`
PicksDeadLettersAlarm | !Ref AlarmTopic | !Ref Topic | unknown name `Topic`
Outputs | !Ref DocumentsBucket | !Ref Bucket | Outputs.DocumentsBucketName.Value: unknown name `Bucket`
Outputs | !Ref Dashboard | !Ref DataKey | `DataKey` is not created here, since `HasOwnKey` does not hold
AccountsTable | !GetAtt DataKey.Arn | !GetAtt DataKy.Arn | unknown resource `DataKy`
DataKey | ${AWS::AccountId} | ${AWS::Account} | unknown name `AWS::Account`
Dashboard | ${OrdersLateAlarm.Arn} | ${OrderLateAlarm.Arn} | unknown resource `OrderLateAlarm` | DashboardBody
Relay | !GetAtt StockTable.StreamArn | !GetAtt PeopleTable.StreamArn | table `people` has no stream | StockChanges:
"#,
    );
}

#[test]
fn values_that_aws_refuses_are_refused() {
    refused(
        r#"
Globals | MemorySize: 512 | MemorySize: 64 | must be from 128 to 10240, is 64
Globals | Timeout: 10 | Timeout: 901 | must be from 1 to 900, is 901
Globals | Timeout: 10 | Timeout: soon | must be an integer, is a text
Globals | Timeout: 10 | Timeout: 2.5 | is a fraction
PicksQueue | VisibilityTimeout: 60 | VisibilityTimeout: 43201 | must be from 0 to 43200
PicksQueue | VisibilityTimeout: 60 | VisibilityTimeout: 9 | time-out of 10 s; Lambda refuses that | Messages:\n          Type: SQS\n          Properties:\n            Queue: !GetAtt PicksQueue
PicksQueue | maxReceiveCount: 10 | maxReceiveCount: 0 | must be from 1 to 1000
PicksQueue | , maxReceiveCount: 10 |  | `maxReceiveCount` is missing | RedrivePolicy
PicksQueue | PicksDeadLettersQueue.Arn | PicksQueue.Arn | its own dead-letter queue | RedrivePolicy
PickPack | BatchSize: 10 | BatchSize: 11 | needs a MaximumBatchingWindowInSeconds
CarrierBooking | MaximumConcurrency: 10 | MaximumConcurrency: 1 | must be from 2 to 1000
CarrierBooking | ScalingConfig: { MaximumConcurrency: 10 } | ScalingConfig: { MaximumConcurrency: 10 }\n            ProvisionedPollerConfig: { MinimumPollers: 2, MaximumPollers: 20 } | not both | ProvisionedPollerConfig:
Dashboard | "start": "-PT12H", | "start": -PT12H, | the dashboard is not JSON | DashboardBody
About | Type: AWS::Serverless::Function | Type: AWS::Serverless::Function\n    Condition: HasOwnKey | has no Condition | About:
Relay | ParallelizationFactor: 1 | ParallelizationFactor: 11 | must be from 1 to 10
Relay | BatchSize: 100 | BatchSize: 10001 | must be from 1 to 10000
Relay | [{"exists":true}] | [{"exists":true] | the pattern is not JSON | Pattern:
Relay | NewImage | Newimage | unknown part `Newimage`; known: Keys, NewImage
Relay | exists | exist | unknown operator `exist` | "exist"
Sweeper | rate(1 minute) | rate(1 minutes) | singular for 1 only
Sweeper | rate(1 minute) | cron(* * * * ? *) | unknown schedule
OrdersTable | AttributeName: due_sk, KeyType | AttributeName: due_at, KeyType | unknown attribute `due_at` | due_at
OrdersTable | IndexName: due | Index: due | unknown index property
AccountsTable | { AttributeName: sk, AttributeType: S } | { AttributeName: sk, AttributeType: S }\n        - { AttributeName: x, AttributeType: S } | `x` is the key of nothing | AttributeName: x
OrderIntake | /v1/orders" | v1/orders" | is no path | "v1/orders
OrderIntake | /webhooks/shops/{channel} | /v1/orders | POST /v1/orders is a route of `order-intake` already | CreateOrder:
OrderIntake | PEOPLE_TABLE: | AWS_REGION: | reserves this variable name
OrderIntake | functions/order-intake/ | functions/intake/ | is in `functions/order-intake/`
OrderIntake | rust-cargolambda | makefile | unknown build method
"#,
    );
}

#[test]
fn two_names_of_one_path_parameter_are_one_route() {
    refused(
        r#"
Operations | /v1/orders/{order}/cancel | /v1/pick-tasks/{id}/claim | POST /v1/pick-tasks/{id}/claim is a route of `pick-pack` already | CancelOrder:
"#,
    );
}

#[test]
fn text_that_is_no_template_is_refused() {
    refused(
        r#"
PicksQueue | Type: AWS::SQS::Queue | Type: [ | invalid indentation | Properties:
PicksQueue | Properties: | Properties:\n      VisibilityTimeout: 1 | duplicated key | VisibilityTimeout: 60
PicksQueue | Type: AWS::SQS::Queue\n    Properties | Properties | `Type` is missing | PicksQueue:
"#,
    );
    let template = text();
    for (changed, expect) in [(String::new(), "empty"), (format!("{template}---\na: 1\n"), "second one")] {
        match read(&changed, Path::new("template.yaml"), &overrides()) {
            Ok(_) => panic!("accepted, though {expect}"),
            Err(error) => assert!(error.to_string().contains(expect), "{error}"),
        }
    }
}

fn with_parameter(name: &str, value: Option<&str>) -> Result<(), TemplateError> {
    let mut overrides = overrides();
    match value {
        Some(value) => overrides.parameters.insert(name.to_owned(), value.to_owned()),
        None => overrides.parameters.remove(name),
    };
    load(&root().join("template.yaml"), &overrides).map(|_| ())
}

#[test]
fn parameters_keep_the_limits_that_the_template_declares() {
    for (name, value, expect) in [
        ("SecretsKey", None, "`SecretsKey` has no default and was not given"),
        ("SecretsKey", Some("c2VjcmV0"), "`SecretsKey` must have 44 to 44 characters, has 8"),
        ("ListShards", Some("0"), "must be from 1 to 64, is 0"),
        ("ListShards", Some("many"), "must be an integer"),
        ("Architecture", Some("arm"), "unknown value `arm`; known: arm64, x86_64"),
        ("Shards", Some("1"), "no parameter is called `Shards`; declared: AdministratorKeyHash"),
    ] {
        let error = with_parameter(name, value).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
        assert!(!error.contains("c2VjcmV0"), "a refused secret is not repeated: {error}");
    }
    assert!(with_parameter("ListShards", Some("64")).is_ok());
}
