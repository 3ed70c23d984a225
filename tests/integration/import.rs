//! Users and merchants from files: all of a file or nothing of it, and twice is once.

use std::fmt::Write as _;

use uuid::Uuid;

use crate::support::command::{Said, database_url, phantom_worker, said};
use crate::support::database::{TestDatabase, database};

const LINES: usize = 10_000;

/// Imports a text as if it were piped in.
fn import(database: &TestDatabase, what: &str, text: impl Into<Vec<u8>>) -> Said {
    let mut command = phantom_worker(&["import", what, "-"]);
    command
        .env("DATABASE_URL", database_url(database))
        .write_stdin(text);
    said(&mut command)
}

/// A file of users, each line made from its number.
fn users(count: usize) -> String {
    let mut text = "id,email,role,username,date_of_birth\n".to_owned();
    for number in 1..=count {
        let id = Uuid::from_u128(number as u128);
        writeln!(
            text,
            "{id},user{number}@shop.example,customer,user {number},1990-05-17"
        )
        .unwrap();
    }
    text
}

/// Replaces a part of one line, numbered as an editor does.
fn with_line(text: &str, line: usize, from: &str, to: &str) -> String {
    let lines = text.lines().enumerate().map(|(position, content)| {
        if position + 1 == line {
            assert!(content.contains(from), "{content}");
            content.replacen(from, to, 1)
        } else {
            content.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Everything in the table, in one number.
async fn fingerprint(database: &TestDatabase, table: &str) -> String {
    let query =
        format!("SELECT md5(string_agg(t::text, '' ORDER BY t::text)) AS text FROM {table} t");
    database.text(&query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_users_come_once_the_three_bad_lines_are_corrected() {
    let database = database().await;
    let good = users(LINES);
    let bad = with_line(&good, 17, "customer", "boss");
    let bad = with_line(&bad, 5_000, "1990-05-17", "17.05.1990");
    let bad = with_line(&bad, 10_001, "user10000@shop.example", "User1@Shop.example");

    let refused = import(&database, "users", bad);
    let rows_after_refusal = database.count("SELECT count(*) FROM users").await;
    let audit_after_refusal = database.count("SELECT count(*) FROM audit_log").await;
    let imported = import(&database, "users", good.clone());
    let once = fingerprint(&database, "users").await;
    let again = import(&database, "users", good);

    assert_eq!(refused.code, 1);
    assert_eq!(
        refused.stderr,
        "line 17, role: must be one of admin, merchant, customer\n\
         line 5000, date_of_birth: must be a date such as 1990-05-17\n\
         line 10001, email: is the same as in line 2\n\
         standard input: 3 of 10000 lines wrong; nothing was imported\n"
    );
    assert_eq!((rows_after_refusal, audit_after_refusal), (0, 0));
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    assert!(
        imported
            .stdout
            .starts_with("users: 10000 new, 0 changed, 0 as they were (10000 lines, ")
    );
    assert_eq!(database.count("SELECT count(*) FROM users").await, 10_000);
    assert!(
        again
            .stdout
            .starts_with("users: 0 new, 0 changed, 10000 as they were")
    );
    assert_eq!(fingerprint(&database, "users").await, once);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_and_each_import_is_audited() {
    let database = database().await;
    let first = users(3);

    import(&database, "users", first.clone());
    import(
        &database,
        "users",
        with_line(&first, 3, "user 2", "second user"),
    );

    let rows = database
        .text(
            "SELECT concat_ws(' ', origin, action, subject_id, outcome) AS text FROM audit_log \
             WHERE subject_kind = 'user' ORDER BY id",
        )
        .await;
    let line = |number: u128, outcome: &str| {
        format!(
            "import users user_imported {} {outcome}",
            Uuid::from_u128(number)
        )
    };
    let expected = [
        line(1, "inserted"),
        line(2, "inserted"),
        line(3, "inserted"),
        line(2, "updated"),
    ];
    assert_eq!(rows, expected.join("\n"));
    let imports = database
        .text(
            "SELECT concat_ws(' ', action, detail::jsonb->'lines', detail::jsonb->'inserted', \
                              detail::jsonb->'updated') AS text \
             FROM audit_log WHERE subject_kind = 'import' ORDER BY id",
        )
        .await;
    assert_eq!(imports, "users_imported 3 3 0\nusers_imported 3 0 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_the_file_leaves_out_keep_what_they_have() {
    let database = database().await;
    import(&database, "users", users(1));
    let id = Uuid::from_u128(1);

    let said = import(
        &database,
        "users",
        format!("role,id,email\nmerchant,{id},new@shop.example\n"),
    );

    assert!(
        said.stdout.starts_with("users: 0 new, 1 changed"),
        "{}",
        said.stderr
    );
    let row = database
        .text("SELECT concat_ws(' ', email, role, username, date_of_birth) AS text FROM users")
        .await;
    assert_eq!(row, "new@shop.example merchant user 1 1990-05-17");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_has_against_a_line_is_told_with_the_rest() {
    let database = database().await;
    import(&database, "users", users(2));
    let stranger = Uuid::from_u128(7);
    let text = format!(
        "id,email,role,username\n{stranger},USER1@shop.example,customer,user 2\n\
         {},a@b.example,boss,\n",
        Uuid::from_u128(8)
    );

    let said = import(&database, "users", text);

    assert_eq!(said.code, 1);
    assert_eq!(
        said.stderr,
        "line 2, email: belongs to another user in the database\n\
         line 2, username: belongs to another user in the database\n\
         line 3, role: must be one of admin, merchant, customer\n\
         standard input: 2 of 2 lines wrong; nothing was imported\n"
    );
    assert_eq!(database.count("SELECT count(*) FROM users").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn merchants_come_with_what_a_rule_may_decline_later_but_not_with_unknown_users() {
    let database = database().await;
    import(&database, "users", users(1));
    let (user, nobody) = (Uuid::from_u128(1), Uuid::from_u128(99));
    let header = "merchant_id,business_name,registration_number,contact_email,user_id,is_approved";
    let line = |id: u128, user: Uuid| {
        format!(
            "{},\"Thebe, Motors\",unknown,none,{user},TRUE",
            Uuid::from_u128(id)
        )
    };

    let refused = import(
        &database,
        "merchants",
        format!("{header}\n{}\n", line(1, nobody)),
    );
    let imported = import(
        &database,
        "merchants",
        format!("{header}\r\n{}\r\n", line(1, user)),
    );

    assert!(
        refused
            .stderr
            .starts_with("line 2, user_id: must be the id of a user"),
        "{}",
        refused.stderr
    );
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let row = database
        .text("SELECT concat_ws('|', business_name, is_approved) AS text FROM merchants")
        .await;
    assert_eq!(row, "Thebe, Motors|t");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_csv_of_ours_is_told_so() {
    let database = database().await;
    let refusal = |text: &[u8]| {
        let said = import(&database, "users", text);
        assert_eq!(said.code, 1);
        said.stderr
    };

    assert!(refusal(b"id;email;role\n").contains("separated by semicolons"));
    assert!(refusal(b"").contains("the file is empty"));
    assert!(refusal(b"id,email,role\n").contains("followed by no line"));
    assert!(refusal(b"\xff\xfei\0d\0").contains("UTF-16"));
    let unknown = refusal(b"id,email,rolle\n");
    assert!(unknown.contains("line 1, rolle: is no column of users; its columns are id, email"));
    assert!(unknown.contains("line 1, role: is missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_schema_nothing_is_tried() {
    let database = database().await;
    database.run("DROP SCHEMA public CASCADE").await;
    database.run("CREATE SCHEMA public").await;

    let said = import(&database, "users", users(1));

    assert_eq!(said.code, 1);
    assert!(
        said.stderr
            .contains("migrations; `phantom-worker migrate` applies what is missing"),
        "{}",
        said.stderr
    );
}
