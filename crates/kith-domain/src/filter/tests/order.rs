//! Sorting, search terms, pages and cursors.

use super::*;
use crate::filter::{SearchTerm, searched_text, sort_name, sortable_fields};

fn order(input: &SearchInput) -> Vec<u128> {
    let records = corpus();
    search(input)
        .unwrap()
        .answer(&records)
        .records
        .iter()
        .map(|record| record.id.as_u128())
        .collect()
}

#[test]
fn records_without_a_value_come_last_both_ways() {
    let rows: [(&str, [u128; 3], [u128; 3]); 13] = [
        ("createdAt", [3, 2, 1], [1, 2, 3]),
        ("updatedAt", [3, 2, 1], [1, 2, 3]),
        ("name", [3, 2, 1], [1, 2, 3]),
        ("firstName", [1, 3, 2], [2, 3, 1]),
        ("lastName", [2, 1, 3], [1, 2, 3]),
        ("My plain", [1, 2, 3], [2, 1, 3]),
        ("My date", [1, 2, 3], [2, 1, 3]),
        ("My dateTime", [1, 2, 3], [2, 1, 3]),
        ("My currency", [1, 2, 3], [2, 1, 3]),
        ("My singleSelect", [2, 1, 3], [1, 2, 3]),
        ("My link", [1, 2, 3], [2, 1, 3]),
        ("My email", [1, 2, 3], [2, 1, 3]),
        ("My phone", [2, 1, 3], [1, 2, 3]),
    ];
    assert_eq!(
        rows.len(),
        sortable_fields(EntityType::Contact, &columns()).len()
    );
    for (field, ascending, descending) in rows {
        assert_eq!(order(&sorted_by(field, "asc")), ascending, "{field}");
        assert_eq!(order(&sorted_by(field, "desc")), descending, "{field}");
    }
    assert_eq!(order(&SearchInput::default()), [1, 2, 3]);
}

#[test]
fn names_sort_by_their_most_significant_part() {
    let name = |first: &str, last: &str| sort_name(&contact(1, first, last));
    let mut names = [
        name("Zoe", "Li"),
        name("Ada", "Lindt"),
        name("Lia", ""),
        name("ada", "LI"),
        name("Ágnes", "Lí"),
    ];
    names.sort();
    assert_eq!(
        names,
        [
            "li\u{1}ada",
            "li\u{1}agnes",
            "li\u{1}zoe",
            "lia",
            "lindt\u{1}ada"
        ]
    );
}

#[test]
fn ties_are_ordered_by_id_in_the_same_direction() {
    let records = [
        contact(1, "Ada", ""),
        contact(2, "Ada", ""),
        contact(3, "Ada", ""),
    ];
    let ids = |direction: &str| -> Vec<u128> {
        let search = search(&sorted_by("firstName", direction)).unwrap();
        search
            .answer(&records)
            .records
            .iter()
            .map(|record| record.id.as_u128())
            .collect()
    };
    assert_eq!(ids("asc"), [1, 2, 3]);
    assert_eq!(ids("desc"), [3, 2, 1]);
}

#[test]
fn unknown_sorts_list_what_is_available() {
    let problems = search(&sorted_by("createdat", "down")).unwrap_err();
    let told: Vec<_> = problems
        .iter()
        .map(|problem| (problem.pointer.as_str(), problem.message.as_str()))
        .collect();
    assert_eq!(
        told[0],
        (
            "/sortDescriptor/direction",
            "direction \"down\" is unknown; accepted: asc, desc"
        )
    );
    assert_eq!(told[1].0, "/sortDescriptor/field");
    let start = "contacts cannot be sorted by \"createdat\"; did you mean \"createdAt\"? Available: createdAt, updatedAt, name, \
                 firstName, lastName, \"My plain\" (";
    assert!(told[1].1.starts_with(start), "{}", told[1].1);
    assert!(search(&sorted_by("emails", "asc")).is_err());
    let by_id = column(ColumnType::Date).id.to_string();
    assert_eq!(
        search(&sorted_by(&by_id, "asc")).unwrap().sort,
        search(&sorted_by("My date", "asc")).unwrap().sort
    );
}

#[test]
fn search_terms_find_every_word_in_any_searched_field() {
    let terms: [(&str, &[u128]); 10] = [
        ("", &[1, 2, 3]),
        ("  ", &[1, 2, 3]),
        ("ada", &[1]),
        ("LOVE ad", &[1]),
        ("love\thopper", &[]),
        ("example.com", &[1, 2]),
        ("elise", &[3]),
        ("ÉLISE", &[3]),
        ("%", &[]),
        ("comal", &[]),
    ];
    for (term, expected) in terms {
        let input = SearchInput {
            search_term: Some(term.to_owned()),
            ..SearchInput::default()
        };
        assert_eq!(order(&input), expected, "{term}");
    }
    assert_eq!(
        searched_text(&corpus()[0]),
        "ada\nlovelace\nada@example.com\nal@math.example"
    );
    assert_eq!(SearchTerm::parse("b a B").unwrap().tokens(), ["b", "a"]);
    assert!(SearchTerm::parse("a\tb").is_ok() && SearchTerm::parse("a\u{0}b").is_err());
    let long = SearchInput {
        search_term: Some("x".repeat(1_000_000)),
        ..SearchInput::default()
    };
    assert_eq!(search(&long).unwrap_err()[0].pointer, "/searchTerm");
}

fn page(page: u64, page_size: u64) -> SearchInput {
    SearchInput {
        page: Some(page),
        page_size: Some(page_size),
        ..SearchInput::default()
    }
}

#[test]
fn pages_are_cut_and_limited() {
    let records = corpus();
    let answer = |input: &SearchInput| -> (Vec<u128>, u64, bool) {
        let answer = search(input).unwrap().answer(&records);
        let ids = answer
            .records
            .iter()
            .map(|record| record.id.as_u128())
            .collect();
        (ids, answer.total, answer.next_cursor.is_some())
    };
    assert_eq!(answer(&page(1, 2)), (vec![1, 2], 3, true));
    assert_eq!(answer(&page(2, 2)), (vec![3], 3, false));
    assert_eq!(answer(&page(3, 2)), (vec![], 3, false));
    assert_eq!(answer(&page(1, 3)), (vec![1, 2, 3], 3, false));
    assert!(search(&page(10_001, 1_000)).is_ok());

    for (input, pointer) in [
        (page(0, 25), "/pagination/page"),
        (page(1_000_000_000_000, 25), "/pagination/page"),
        (page(u64::MAX, 1_000), "/pagination/page"),
        (page(1, 0), "/pagination/pageSize"),
        (page(1, 1_001), "/pagination/pageSize"),
        (page(1, u64::MAX), "/pagination/pageSize"),
    ] {
        let problems = search(&input).unwrap_err();
        assert_eq!(problems[0].pointer, pointer);
        assert_eq!(problems[0].code, "out_of_range");
    }
}

#[test]
fn cursors_belong_to_their_search() {
    let records = corpus();
    let at = |cursor: &str, input: &SearchInput| {
        let input = SearchInput {
            cursor: Some(cursor.to_owned()),
            page: None,
            ..input.clone()
        };
        search(&input)
    };
    let filters = json!([{ "field": "firstName", "operator": "isNotNull" }]);
    let asked = SearchInput {
        filters,
        page_size: Some(1),
        ..sorted_by("My plain", "asc")
    };
    let cursor = search(&asked)
        .unwrap()
        .answer(&records)
        .next_cursor
        .unwrap();
    assert_eq!(
        at(&cursor, &asked).unwrap().answer(&records).records[0].id,
        id(2)
    );

    let reordered: Value =
        serde_json::from_str(r#"[{"operator": "isNotNull", "field": "firstName"}]"#).unwrap();
    let same = SearchInput {
        filters: reordered,
        page_size: Some(2),
        with_total: Some(false),
        ..asked.clone()
    };
    assert!(at(&cursor, &same).is_ok());

    let others = [
        SearchInput {
            filters: json!([]),
            ..asked.clone()
        },
        SearchInput {
            search_term: Some("a".to_owned()),
            ..asked.clone()
        },
        SearchInput {
            sort: None,
            ..asked.clone()
        },
        SearchInput {
            page_size: asked.page_size,
            filters: asked.filters.clone(),
            ..sorted_by("My plain", "desc")
        },
        SearchInput {
            page_size: asked.page_size,
            filters: asked.filters.clone(),
            ..sorted_by("My date", "asc")
        },
    ];
    for other in others {
        let problems = at(&cursor, &other).unwrap_err();
        assert_eq!(
            (problems[0].pointer.as_str(), problems[0].code),
            ("/cursor", "invalid_cursor")
        );
        assert!(problems[0].message.contains("belongs to another search"));
    }
    let elsewhere = SearchInput {
        cursor: Some(cursor.clone()),
        ..SearchInput::default()
    };
    assert!(
        elsewhere
            .judge(EntityType::Deal, &columns(), &context())
            .is_err()
    );

    let both = SearchInput {
        cursor: Some(cursor.clone()),
        page: Some(1),
        ..asked.clone()
    };
    assert_eq!(search(&both).unwrap_err()[0].code, "contradiction");

    for position in 0..cursor.len() {
        for replacement in ["0", "f", "x", "F", ""] {
            let mut changed = cursor.clone();
            changed.replace_range(position..=position, replacement);
            assert!(
                changed == cursor || at(&changed, &asked).is_err(),
                "{changed}"
            );
        }
    }
    for changed in [
        "",
        "00",
        "zz",
        "%",
        &"0".repeat(64),
        &"0".repeat(1_000_000),
        "ünicode",
    ] {
        assert!(at(changed, &asked).is_err());
    }
}
