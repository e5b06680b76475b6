//! Templates of the platform's own.

use pgrx::JsonB;
use pgrx::prelude::*;
use serde_json::json;
use warden_core::error::{Result, SqlState, WardenError};
use warden_core::isolation::{Command, Options, Template, check_name};

use super::facts;
use crate::audit::event;
use crate::pg::error::answer;
use crate::pg::relation;
use crate::pg::role::{self, Role};
use crate::pg::spi;
use crate::sql::need;
use crate::tenancy::directory;

#[pg_extern(sql = false)]
fn create_template(name: Option<&str>, definition: Option<JsonB>, description: Option<&str>) {
    answer((|| {
        role::refuse_restricted()?;
        role::require(&[Role::Admin])?;
        let name = need(name, "name")?;
        check_name(name)?;
        let definition = need(definition, "definition")?.0;
        let options = Options::from_definition(&definition, &directory::labels()?)?;
        let description = need(description, "description")?;
        Template::own(name, &options)?;
        for command in Command::ALL {
            if let Some(predicate) = &options.commands[command as usize] {
                require_expression(command, predicate)?;
            }
        }
        spi::as_owner(|| {
            let made = spi::execute(
                "INSERT INTO warden.template_registry (name, definition, description) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                &[name.into(), JsonB(options.to_json()).into(), description.into()],
            )?;
            if made == 0 {
                return Err(WardenError::new(SqlState::UniqueViolation, "a template of this name exists already"));
            }
            Ok(())
        })?;
        event::record(
            None,
            "warden.isolation.create_template",
            json!({ "name": name, "definition": definition, "description": description }),
        )
    })());
}

#[pg_extern(sql = false)]
fn drop_template(name: Option<&str>) {
    answer((|| {
        role::refuse_restricted()?;
        role::require(&[Role::Admin])?;
        let name = need(name, "name")?;
        spi::as_owner(|| {
            // Tables keep the definition that they were protected with; but their name for it must not change meaning.
            let used: i64 = spi::value(
                "SELECT (SELECT count(*) FROM warden.relation_registry r WHERE r.template = $1) \
                       + (SELECT count(*) FROM warden.schema_registry s WHERE s.template = $1)",
                &[name.into()],
            )?
            .unwrap_or_default();
            if used > 0 {
                return Err(WardenError::new(
                    SqlState::NotInPrerequisiteState,
                    "tables or schemas are protected with the template",
                )
                .detail(format!("{used} are."))
                .hint("Protect them with another template first."));
            }
            if spi::execute("DELETE FROM warden.template_registry WHERE name = $1", &[name.into()])? == 0 {
                return Err(WardenError::new(SqlState::InvalidParameterValue, "unknown template")
                    .hint("warden.templates lists all; those that are built in stay."));
            }
            Ok(())
        })?;
        event::record(None, "warden.isolation.drop_template", json!({ "name": name }))
    })());
}

/// For the view: what is built in.
#[pg_extern(sql = false)]
fn builtin_templates()
-> TableIterator<'static, (name!(name, String), name!(definition, JsonB), name!(description, String))> {
    TableIterator::new(Template::builtins().map(|(template, description)| {
        let definition = JsonB(template.to_json()["options"].take());
        (template.name, definition, description.to_owned())
    }))
}

/// The definition of one of the platform's own.
pub fn definition(name: &str) -> Result<Option<Options>> {
    let found = facts::latest(
        "SELECT t.definition FROM warden.template_registry t WHERE t.name = $1",
        &[name.into()],
        |row| row.need::<JsonB>(1),
    )?;
    found.into_iter().next().map(|definition| Options::from_stored(&definition.0)).transpose()
}

/// One expression on its own: it stands where the grammar takes an expression and nothing else, both bare (so that it
/// closes no parenthesis of ours) and in parentheses (so that it brings no clause of its own).
fn require_expression(command: Command, predicate: &str) -> Result<()> {
    if relation::parses(&format!("SELECT CASE WHEN {predicate}\n THEN 1 END"))
        && relation::parses(&format!("SELECT ({predicate}\n)"))
    {
        return Ok(());
    }
    Err(WardenError::new(SqlState::InvalidParameterValue, "a predicate must be one SQL expression")
        .detail(format!("That of \"{}\" is not.", command.name()))
        .hint("Write a condition over the row, such as: published OR author = warden.user_id()."))
}
