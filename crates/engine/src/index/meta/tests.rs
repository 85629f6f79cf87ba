use super::*;

fn table(name: &str, text: &str) -> (tempfile::TempDir, Result<MetaTable, EngineError>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join(name);
    fs_err::write(&path, text).expect("written");
    let table = MetaTable::read(&path);
    (folder, table)
}

fn year(payload: Option<&Payload>) -> Option<i64> {
    payload.and_then(|payload| payload.get("year")).and_then(Value::as_i64)
}

#[test]
fn rows_join_by_absolute_path_root_and_folder_of_the_file() {
    let text = concat!(
        "{\"path\": \"/m/a.jpg\", \"year\": 1}\n\n",
        "{\"file\": \"./sub/b.jpg\", \"year\": 2}\n",
        "{\"path\": \"beside.jpg\", \"year\": 3}\n",
        "{\"path\": \"never.jpg\", \"year\": 4}\n",
    );
    let (folder, table) = table("meta.jsonl", text);
    let table = table.expect("read");
    let root = Path::new("/m");
    assert_eq!(year(table.get(root, Path::new("/m/a.jpg"))), Some(1));
    assert_eq!(year(table.get(root, Path::new("/m/sub/b.jpg"))), Some(2));
    assert_eq!(year(table.get(root, &folder.path().join("beside.jpg"))), Some(3));
    let lone = Path::new("/n/beside.jpg");
    assert_eq!(year(table.get(lone, lone)), Some(3), "beside a PATH that is a file");
    assert_eq!(table.get(root, Path::new("/m/other.jpg")), None);
    assert!(table.get(root, Path::new("/m/a.jpg")).is_some_and(|payload| payload.get("path").is_none()));
    assert_eq!(table.unused(), 1);
}

#[test]
fn csv_cells_become_numbers_booleans_and_text() {
    let text = "\u{feff}path,year,good,title,code,none\n\"a, b.jpg\",2020,true,\"A \"\"b\"\"\",007,\n";
    let (_folder, table) = table("meta.csv", text);
    let table = table.expect("read");
    let row = table.get(Path::new("/m"), Path::new("/m/a, b.jpg")).expect("joined");
    let expected = serde_json::json!({"year": 2020, "good": true, "title": "A \"b\"", "code": "007"});
    assert_eq!(Value::Object(row.0.clone()), expected);
}

#[test]
fn a_wrong_row_is_named_by_its_line() {
    for (name, text, at) in [
        ("meta.jsonl", "{\"path\": \"a\"}\n[1]\n", 2),
        ("meta.jsonl", "{\"year\": 1}\n", 1),
        ("meta.jsonl", "{\"path\": \"a\", \"_x\": 1}\n", 1),
        ("meta.csv", "name,year\na,1\n", 1),
        (
            "meta.csv",
            "path,note\na.jpg,\"line one\nline two \"\"quoted\"\"\"\nb.jpg,\"unclosed\nc.jpg,x\n",
            4,
        ),
        ("meta.csv", "path,note\n\"a.jpg,x\n", 2),
        ("meta.csv", "path,\"note\na.jpg,x\n", 1),
        ("meta.csv", "path,note\na.jpg,\"two \"words\" here\"\n", 2),
        ("meta.csv", "path,year\r\n\r\na.jpg,1\r\nb.jpg,2,3\r\n", 4),
        ("meta.csv", "path,year,year\na.jpg,1,2\n", 1),
        ("meta.csv", "path,year\n,1\n", 2),
        ("meta.csv", "path,year\na\0b.jpg,1\n", 2),
        ("meta.csv", "p\0a\0t\0h\0,\0", 1),
        ("meta.jsonl", "{\"path\": 5}\n", 1),
        ("meta.jsonl", "\n{\"path\": \"a\", \"x\": 1} {}\n", 2),
    ] {
        let (_folder, table) = table(name, text);
        assert!(matches!(table, Err(EngineError::Metadata { line, .. }) if line == at), "{text}");
    }
}

fn problem(name: &str, bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join(name);
    fs_err::write(&path, bytes).expect("written");
    let error = MetaTable::read(&path).expect_err("refused").to_string();
    error.rsplit_once(name).map(|(_, told)| told.to_owned()).expect("names the file")
}

#[test]
fn the_delimiter_is_known_by_the_header() {
    for text in [
        "path;rating;place\na.jpg;5;Paris, Texas\n",
        "\u{feff}\"path\"\trating\tplace\r\na.jpg\t5\tParis, Texas\r\n",
        "Path|rating|place\ra.jpg|5|Paris, Texas\r",
        "\"path\",\"rating\",\"place\"\na.jpg,5,\"Paris, Texas\"\n",
        "\"path\";\"rating\";\"place\"\na.jpg;5;\"Paris, Texas\"\n",
        "FILE,rating,place\na.jpg,5,\"Paris, Texas\",,\n,,\n",
        "sep=;\r\n\n path ; rating;place\na.jpg; 5;Paris, Texas",
        "sep=,\npath,rating,place\na.jpg,5,\"Paris, Texas\" ",
        "rating,\"place\nof it\",path\n5,\"Paris, Texas\",a.jpg\n",
    ] {
        let (_folder, table) = table("meta.csv", text);
        let table = table.unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let row = table.get(Path::new("/m"), Path::new("/m/a.jpg")).expect(text);
        assert_eq!(row.get("rating"), Some(&Value::from(5)), "{text:?}");
        let place = row.get("place").or_else(|| row.get("place\nof it"));
        assert_eq!(place, Some(&Value::from("Paris, Texas")), "{text:?}");
        assert_eq!(row.0.len(), 2, "{text:?}");
    }
    let (_folder, empty) = table("meta.csv", "\n\n");
    assert!(empty.is_ok_and(|table| table.rows.is_empty()));
    let (_folder, tabs) = table("meta.TSV", "file\tyear\na\t7\n");
    assert_eq!(year(tabs.expect("read").get(Path::new("/"), Path::new("/a"))), Some(7));
}

#[test]
fn what_is_wrong_with_a_table_is_said() {
    assert_eq!(
        problem("m.csv", b"name;rating\na;5\n"),
        ":1: the header has no field `path` or `file`: it holds `name`, `rating`, separated by `;`"
    );
    assert!(problem("m.csv", b"path\tx\na\t1\t2\n").ends_with("the header has 2, separated by tabs"));
    assert!(
        problem("m.csv", b"path,x\na,\"1\n")
            .contains(":2: the quote that begins on this line is never closed")
    );
    assert!(
        problem("m.csv", b"path,\"x\na,1\n")
            .contains(":1: the quote that begins on this line is never closed")
    );
    assert!(problem("m.csv", b"\xff\xfep\0").contains("UTF-16"));
    assert!(problem("m.jsonl", b"\xfe\xff\0{").contains("UTF-16"));
    assert!(problem("m.csv", b"path,x\na,caf\xe9\n").contains(":2: not UTF-8"));
    assert!(problem("m.jsonl", b"{}\n\xe9").contains(":1: no field"));
    let cell = format!("path,x\na,{}\n", "y".repeat(70_000));
    assert!(problem("m.csv", cell.as_bytes()).contains("at most 65536 bytes"));
    let row = format!("path,x\na,{}\n", "y".repeat(2_000_000));
    assert!(problem("m.csv", row.as_bytes()).contains(":2: longer than"));
    let line = format!("{{\"path\": \"{}\"}}", "y".repeat(2_000_000));
    assert!(problem("m.jsonl", line.as_bytes()).contains(":1: longer than"));
    let open = format!("path,x\na,1\nb,\"{}", "y\n".repeat(1_000_000));
    assert!(problem("m.csv", open.as_bytes()).contains(":3: the quote"));
}

#[test]
fn numbers_are_exact_or_stay_text() {
    let cells = "1983516295378495150,18446744073709551615,-9223372036854775808,12345678901234567890123,1e400,007,+5,1_000,\
                 NaN,1.0, 3";
    let text = format!("path,a,b,c,d,e,f,g,h,i,j,k\nx,{cells}\n");
    let (_folder, csv) = table("meta.csv", &text);
    let csv = csv.expect("read");
    let expected = serde_json::json!({
        "a": 1_983_516_295_378_495_150_u64, "b": u64::MAX, "c": i64::MIN, "d": "12345678901234567890123", "e": "1e400",
        "f": "007", "g": "+5", "h": "1_000", "i": "NaN", "j": 1.0, "k": 3,
    });
    let row = csv.get(Path::new("/"), Path::new("/x")).expect("joined");
    assert_eq!(Value::Object(row.0.clone()), expected);
    let text = r#"{"path": "x", "a": 18446744073709551615, "b": {"c": [12345678901234567890123, -1e400]}}"#;
    let (_folder, jsonl) = table("meta.jsonl", text);
    let jsonl = jsonl.expect("read");
    let expected = serde_json::json!({"a": u64::MAX, "b": {"c": ["12345678901234567890123", "-1e400"]}});
    let row = jsonl.get(Path::new("/"), Path::new("/x")).expect("joined");
    assert_eq!(Value::Object(row.0.clone()), expected);
}

#[test]
fn rows_meet_files_however_accents_are_composed() {
    let text = "path,year\ncafé/ö.jpg,1\ncafe\u{301}/u\u{308}.jpg,2\ncafé/é.jpg,3\ncafé/e\u{301}.jpg,4\n";
    let (_folder, table) = table("meta.csv", text);
    let table = table.expect("read");
    let of = |path: &str| year(table.get(Path::new("/m"), Path::new(path)));
    assert_eq!(of("/m/cafe\u{301}/o\u{308}.jpg"), Some(1));
    assert_eq!(of("/m/café/ü.jpg"), Some(2));
    assert_eq!(of("/m/café/é.jpg"), Some(3), "the exact name first");
    assert_eq!(of("/m/café/e\u{301}.jpg"), Some(4), "the exact name first");
    assert_eq!(of("/m/café/o.jpg"), None);
}
