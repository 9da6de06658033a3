//! `pipeline validate --render DIR`: what the template resolves to, as files, for linters that read no template: each state
//! machine's definition, and each policy of a role, a bucket, a topic or a queue.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use embedded_runtime::Project;
use serde_json::Value;

use super::Complaint;
use super::run::project_complaint;

/// Writes `DIR/state_machines/RESOURCE.json` and `DIR/policies/RESOURCE.NAME.json`.
pub(crate) fn write(project: &Path, folder: &Path) -> Result<(), Complaint> {
    let project = Project::load(project).map_err(project_complaint)?;
    let surroundings = embedded_runtime::runtime::surroundings();
    let stack = project.template.resolve(&surroundings, &BTreeMap::new());
    // It has just been validated.
    let Ok(stack) = stack else { return Ok(()) };
    for machine in &stack.state_machines {
        let definition = project.rendered_definition(machine).unwrap_or_default();
        let name = format!("{}.json", machine.logical_id);
        file(&folder.join("state_machines"), &name, &definition)?;
    }
    for resource in &stack.recorded {
        let properties = &resource.properties;
        let mut documents: Vec<(String, &Value)> = Vec::new();
        for policy in properties["Policies"].as_array().into_iter().flatten() {
            let name = policy["PolicyName"].as_str().unwrap_or("policy");
            documents.push((name.to_owned(), &policy["PolicyDocument"]));
        }
        if properties["PolicyDocument"].is_object() {
            documents.push(("policy".to_owned(), &properties["PolicyDocument"]));
        }
        for (name, document) in documents {
            let name = format!("{}.{name}.json", resource.logical_id);
            file(&folder.join("policies"), &name, &format!("{document:#}"))?;
        }
    }
    Ok(())
}

fn file(folder: &Path, name: &str, content: &str) -> Result<(), Complaint> {
    let path = folder.join(name);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, content));
    written
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(|error| Complaint::failed(error, "Name a folder that can be written to."))
}
