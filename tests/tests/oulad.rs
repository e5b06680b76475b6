//! Whole platforms, protected as a platform would be, recounted per institution against their source.

use std::{env, path::PathBuf};

use serde_json::json;
use warden_lab::{
    Cluster, Lab, Member, OFFICER, OWNER, Result,
    sample::{Sample, Size, rename_roles},
};
use warden_tests::value;

#[test]
fn the_oulad_files_institution_by_institution() -> Result<()> {
    match env::var_os("SAMPLE_DATA").filter(|folder| !folder.is_empty()) {
        Some(folder) => recount(&Sample::oulad(&PathBuf::from(folder))?),
        None => {
            println!("skipped: SAMPLE_DATA names no folder with the OULAD files");
            Ok(())
        }
    }
}

#[test]
fn the_generated_platform_institution_by_institution() -> Result<()> {
    recount(&Sample::generated(Size { institutions: 4, students: 40, ..Size::default() })?)
}

fn recount(sample: &Sample) -> Result<()> {
    let lab = Lab::without_issuer(Cluster::builder())?;
    lab.add_issuer(json!({}))?;
    let mut officer = lab.connect(OFFICER)?;
    rename_roles(&mut officer)?;
    let (tenants, _) = sample.enrol(&mut officer)?;
    let mut owner = lab.connect(OWNER)?;
    sample.load(&mut owner)?;
    for table in &sample.tables {
        owner.batch_execute(&table.protection.call(table.name))?;
    }

    let mut app = lab.connect("app")?;
    let mut wrong = Vec::new();
    for (institution, tenant) in sample.institutions.iter().zip(tenants) {
        let reader = Member::new(tenant, &institution.user("instructor")?);
        for table in &sample.tables {
            let seen = lab
                .as_member(&mut app, &reader, |tx| value::<i64>(tx, &format!("SELECT count(*) FROM {}", table.name)))?;
            let truth = table.rows.visible_to(institution);
            if seen != truth {
                wrong.push(format!("{} sees {seen} rows of {}, the source has {truth}", institution.slug, table.name));
            }
            let Some(column) = table.protection.tenant_column else { continue };
            let foreign = format!("SELECT count(*) FROM {} WHERE {column}::text <> warden.external_id()", table.name);
            let foreign = lab.as_member(&mut app, &reader, |tx| value::<i64>(tx, &foreign))?;
            if foreign != 0 {
                wrong.push(format!("{} sees {foreign} rows of others in {}", institution.slug, table.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
