//! The private cluster by itself, on a plain PostgreSQL without the extension.

use std::path::PathBuf;

use warden_lab::{
    Cluster, Result, StopMode, refused,
    sample::{Sample, Size},
};

fn plain() -> Result<Cluster> {
    Cluster::builder().preload(false).setting("work_mem", "7MB").start()
}

#[test]
fn it_starts_stops_crashes_and_leaves_nothing() -> Result<()> {
    let cluster = plain()?;
    let dir: PathBuf = cluster.socket_dir().to_owned();
    let work_mem: String = cluster.connect("postgres", "postgres")?.query_one("SHOW work_mem", &[])?.get(0);
    assert_eq!(work_mem, "7MB");
    let listening: String = cluster.connect("postgres", "postgres")?.query_one("SHOW listen_addresses", &[])?.get(0);
    assert_eq!(listening, "");
    cluster.connect("postgres", "postgres")?.batch_execute("CREATE TABLE kept AS SELECT 1 AS one")?;
    cluster.crash()?;
    assert!(cluster.log()?.contains("was not properly shut down"), "{}", cluster.log()?);
    let kept: i32 = cluster.connect("postgres", "postgres")?.query_one("SELECT one FROM kept", &[])?.get(0);
    assert_eq!(kept, 1);
    cluster.restart()?;
    assert!(cluster.is_running());
    cluster.stop(StopMode::Fast)?;
    assert!(!cluster.is_running());
    cluster.start()?;
    drop(cluster);
    assert!(!dir.exists(), "{} stayed", dir.display());
    Ok(())
}

#[test]
fn two_live_side_by_side_and_one_listens_on_tcp() -> Result<()> {
    let (one, two) = (plain()?, Cluster::builder().preload(false).tcp().start()?);
    assert_ne!(one.socket_dir(), two.socket_dir());
    let mut tcp = postgres::Config::new();
    tcp.host("127.0.0.1").port(two.port()).user("postgres").dbname("postgres");
    tcp.connect(postgres::NoTls)?.simple_query("SELECT 1")?;
    Ok(())
}

#[test]
fn notices_and_refusals_are_seen() -> Result<()> {
    let cluster = plain()?;
    let (mut client, notices) = cluster.connect_with_notices("postgres", "postgres")?;
    client.batch_execute("DO $$ BEGIN RAISE NOTICE 'heard' USING DETAIL = 'all of it'; END $$")?;
    let heard = notices.take();
    assert_eq!(heard.iter().map(|notice| notice.message()).collect::<Vec<_>>(), ["heard"]);
    assert!(notices.take().is_empty());

    let refusal = refused(client.batch_execute("SELECT 1/0"), &["22012"])?;
    assert_eq!(refusal.message, "division by zero");
    let Err(other) = refused(client.batch_execute("SELECT 1/0"), &["42501"]) else {
        return fail("another SQLSTATE passed");
    };
    assert_eq!(other.to_string(), "refused with 22012: division by zero; expected 42501");
    let Err(none) = refused(client.batch_execute("SELECT 1"), &["42501"]) else { return fail("success passed") };
    assert_eq!(none.to_string(), "was not refused; expected 42501");
    Ok(())
}

#[test]
fn the_generated_platform_loads_as_counted() -> Result<()> {
    let cluster = plain()?;
    let mut client = cluster.connect("postgres", "postgres")?;
    client.batch_execute("CREATE ROLE app")?;
    counted(&Sample::generated(Size::default())?, &mut client)
}

#[test]
fn the_oulad_files_load_as_counted() -> Result<()> {
    let Some(folder) = std::env::var_os("SAMPLE_DATA").filter(|folder| !folder.is_empty()) else {
        println!("skipped: SAMPLE_DATA does not name a folder with the OULAD files");
        return Ok(());
    };
    let cluster = plain()?;
    let mut client = cluster.connect("postgres", "postgres")?;
    client.batch_execute("CREATE ROLE app")?;
    counted(&Sample::oulad(&PathBuf::from(folder))?, &mut client)
}

fn counted(sample: &Sample, client: &mut postgres::Client) -> Result<()> {
    sample.load(client)?;
    for table in &sample.tables {
        let total: i64 = client.query_one(&format!("SELECT count(*) FROM {}", table.name), &[])?.get(0);
        assert_eq!(total, table.rows.total(), "{}", table.name);
        let Some(column) = table.protection.tenant_column else { continue };
        for institution in &sample.institutions {
            let count = format!("SELECT count(*) FROM {} WHERE {column}::text = $1", table.name);
            let seen: i64 = client.query_one(&count, &[&institution.external_id])?.get(0);
            assert_eq!(seen, table.rows.visible_to(institution), "{} of {}", table.name, institution.slug);
        }
    }
    Ok(())
}

fn fail(what: &str) -> Result<()> {
    Err(warden_lab::Error::Unexpected(what.to_owned()))
}
