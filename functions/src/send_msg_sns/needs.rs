//! Which facts need a dimension that failed, and which could be loaded all the same. `Fact_Needs` of the environment says it:
//! `fact=dimension+dimension,fact=dimension`; a fact that it does not name needs every dimension.

use crate::shared::clients::Environment;

/// Sentences about the facts that did not run.
pub(super) fn notes(environment: &Environment, failed: &[&str]) -> Vec<String> {
    let facts: Vec<&str> = listed(environment.get("Fact_Tables").unwrap_or_default(), ',');
    let (waiting, free): (Vec<&str>, Vec<&str>) = facts.into_iter().partition(|fact| needs(environment, fact, failed));
    let mut notes = Vec::new();
    if !waiting.is_empty() {
        notes.push(format!("Not loaded, because they need a dimension that failed: {}.", waiting.join(", ")));
    }
    if !free.is_empty() {
        let input = serde_json::json!({"StartFrom": "Facts", "Facts": free});
        notes.push(format!("Not loaded, but they need no dimension that failed: {}. Start the master with the BatchId and {input} to load them now.", free.join(", ")));
    }
    notes
}

fn needs(environment: &Environment, fact: &str, failed: &[&str]) -> bool {
    let declared = listed(environment.get("Fact_Needs").unwrap_or_default(), ',');
    let own = declared.iter().find_map(|entry| entry.split_once('=').filter(|(name, _)| name.trim() == fact));
    match own {
        Some((_, dimensions)) => listed(dimensions, '+').iter().any(|dimension| failed.contains(dimension)),
        None => true,
    }
}

fn listed(text: &str, separator: char) -> Vec<&str> {
    text.split(separator).map(str::trim).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d16_facts_that_do_not_need_the_failed_dimension_are_named_apart() {
        let environment = Environment::from_iter([
            ("Fact_Tables", "card,transfer,fee"),
            ("Fact_Needs", "transfer=currency,fee=country+currency"),
        ]);
        let notes = notes(&environment, &["country"]);
        assert!(notes[0].contains("card, fee"), "{notes:?}");
        assert!(
            notes[1].contains("transfer") && notes[1].contains("{\"StartFrom\":\"Facts\",\"Facts\":[\"transfer\"]}"),
            "{notes:?}"
        );
    }

    #[test]
    fn d16_without_a_declaration_every_fact_needs_every_dimension() {
        let environment = Environment::from_iter([("Fact_Tables", "card")]);
        assert_eq!(notes(&environment, &["country"]).len(), 1);
    }
}
