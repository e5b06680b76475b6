//! Encrypted values: sealed and opened, beside the same format with its GCM by RustCrypto; and what keys cost.

use std::{array, error::Error, hint::black_box};

use aes_gcm::{
    Aes256Gcm,
    aead::{AeadInOut, KeyInit, inout::InOutBuf},
    aes::{Aes256Enc, Block, cipher::BlockCipherEncrypt},
};
use criterion::{BatchSize, Criterion, Throughput};
use warden_core::{
    encryption::{
        Binding, DataKey, Envelope, GenerationId, Head, IndexKey, KeyState, NONCE, Suite, TAG, TenantKey, ValueKey,
        ValueType,
    },
    error::Result as Checked,
    tenancy::TenantId,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TENANT: TenantId = TenantId([7; 16]);
const CONTEXT: &str = "people.phone";
const BINDING: Binding = Binding { tenant: TENANT, context: CONTEXT, value_type: ValueType::Text, row: None };
const NONCE_BYTES: [u8; NONCE] = *b"abcdefghijklmnopqrstuvwx";

pub fn values(criterion: &mut Criterion) -> Result<()> {
    let head = Head { suite: Suite::Xaes, generation: GenerationId::from_number(1).ok_or("no generation")? };
    let key = DataKey::generate(&mut constant).and_then(|key| key.value_key(TENANT, CONTEXT))?;
    let alternative = Alternative::new(&[7; 32]);
    let mut group = criterion.benchmark_group("value");
    keys(&mut group)?;
    for (name, length) in [("64 B", 64), ("64 KiB", 64 << 10)] {
        group.throughput(Throughput::Bytes(u64::try_from(length)?));
        sealing(&mut group, name, length, &head, &key, &alternative)?;
    }
    group.finish();
    Ok(())
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

fn sealing(
    group: &mut Group,
    name: &str,
    length: usize,
    head: &Head,
    key: &ValueKey,
    alternative: &Alternative,
) -> Result<()> {
    let blank = vec![7; head.suite.sealed_len(false, length)];
    let mut sealed = blank.clone();
    key.seal(head, None, &BINDING, &NONCE_BYTES, &mut sealed)?;
    let mut out = vec![0; length];
    // Once outside: a bench that measures how fast something fails is none.
    let envelope = Envelope::parse(&sealed).map_err(|_| "no envelope")?;
    key.open(&envelope, &BINDING, &mut out)?;

    group.bench_function(format!("seal/{name}"), |bencher| {
        let mut out = blank.clone();
        bencher.iter(|| key.seal(head, None, &BINDING, &NONCE_BYTES, black_box(&mut out)));
    });
    group.bench_function(format!("open/{name}"), |bencher| {
        bencher.iter(|| {
            let envelope = Envelope::parse(black_box(&sealed)).map_err(|_| "no envelope")?;
            key.open(&envelope, &BINDING, &mut out).map_err(|_| "does not open")
        });
    });

    let aad = vec![7; 100];
    let mut body = vec![7; length];
    let tag = alternative.seal(&NONCE_BYTES, &aad, &mut body)?;
    alternative.open(&NONCE_BYTES, &aad, &mut body.clone(), tag)?;
    group.bench_function(format!("seal/{name}/alternative"), |bencher| {
        let mut body = body.clone();
        bencher.iter(|| alternative.seal(&NONCE_BYTES, &aad, black_box(&mut body)).map_err(|_| "does not seal"));
    });
    group.bench_function(format!("open/{name}/alternative"), |bencher| {
        bencher.iter_batched_ref(
            || body.clone(),
            |body| alternative.open(&NONCE_BYTES, &aad, black_box(body), tag).map_err(|_| "does not open"),
            BatchSize::SmallInput,
        );
    });
    Ok(())
}

fn keys(group: &mut Group) -> Result<()> {
    let tenant_key = TenantKey::generate(&mut constant)?;
    let (data, index) = (DataKey::generate(&mut constant)?, IndexKey::generate(&mut constant)?);
    let tag_key = index.tag_key(TENANT, CONTEXT)?;
    let id = GenerationId::from_number(1).ok_or("no generation")?;
    let wrapped = tenant_key.wrap_data(&data, TENANT, id, 1, KeyState::Active, &mut constant)?;
    tenant_key.unwrap_data(&wrapped, TENANT, id, 1, KeyState::Active)?;

    group.bench_function("key/derive", |bencher| bencher.iter(|| data.value_key(TENANT, black_box(CONTEXT))));
    group.bench_function("tag key/derive", |bencher| bencher.iter(|| index.tag_key(TENANT, black_box(CONTEXT))));
    group.bench_function("equality tag/64 B", |bencher| bencher.iter(|| tag_key.tag(black_box(&[7; 64]))));
    group.bench_function("key/wrap", |bencher| {
        bencher.iter(|| tenant_key.wrap_data(black_box(&data), TENANT, id, 1, KeyState::Active, &mut constant));
    });
    group.bench_function("key/unwrap", |bencher| {
        bencher.iter(|| tenant_key.unwrap_data(black_box(&wrapped), TENANT, id, 1, KeyState::Active));
    });
    Ok(())
}

/// Instead of randomness, whose cost is the operating system's.
fn constant(bytes: &mut [u8]) -> Checked<()> {
    bytes.fill(7);
    Ok(())
}

/// XAES-256-GCM with everything by RustCrypto, its outer key scheduled once as ours is.
struct Alternative {
    outer: Aes256Enc,
    k1: [u8; 16],
}

impl Alternative {
    fn new(key: &[u8; 32]) -> Self {
        let outer = Aes256Enc::new(key.into());
        let mut block = Block::default();
        outer.encrypt_block(&mut block);
        let l = u128::from_be_bytes(block.into());
        Self { outer, k1: ((l << 1) ^ ((l >> 127) * 0x87)).to_be_bytes() }
    }

    fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8]) -> Result<[u8; TAG]> {
        let (cipher, nonce) = self.inner(nonce)?;
        Ok(cipher.encrypt_inout_detached(&nonce.into(), aad, InOutBuf::from(data))?.into())
    }

    fn open(&self, nonce: &[u8; NONCE], aad: &[u8], data: &mut [u8], tag: [u8; TAG]) -> Result<()> {
        let (cipher, nonce) = self.inner(nonce)?;
        Ok(cipher.decrypt_inout_detached(&nonce.into(), aad, InOutBuf::from(data), &tag.into())?)
    }

    fn inner(&self, nonce: &[u8; NONCE]) -> Result<(Aes256Gcm, [u8; 12])> {
        let (deriving, rest) = nonce.split_first_chunk::<12>().ok_or("a short nonce")?;
        let mut blocks: [Block; 2] = array::from_fn(|half| {
            let mut block = [0; 16];
            block[1] = if half == 0 { 1 } else { 2 };
            block[2] = b'X';
            block[4..].copy_from_slice(deriving);
            block.iter_mut().zip(self.k1).for_each(|(byte, k1)| *byte ^= k1);
            block.into()
        });
        self.outer.encrypt_blocks(&mut blocks);
        Ok((Aes256Gcm::new_from_slice(&blocks.concat())?, rest.try_into()?))
    }
}
