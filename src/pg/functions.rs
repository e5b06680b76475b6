//! The SQL functions that are exported straight: see `call`.

use super::call::sql_functions;
use crate::encryption::{ciphertext, row, value, write};

sql_functions! {
    warden_ciphertext_in, pg_finfo_warden_ciphertext_in => ciphertext::ciphertext_in;
    warden_ciphertext_eq_in, pg_finfo_warden_ciphertext_eq_in => ciphertext::ciphertext_eq_in;
    warden_ciphertext_recv, pg_finfo_warden_ciphertext_recv => ciphertext::ciphertext_recv;
    warden_ciphertext_eq_recv, pg_finfo_warden_ciphertext_eq_recv => ciphertext::ciphertext_eq_recv;
    warden_ciphertext_out, pg_finfo_warden_ciphertext_out => ciphertext::out;
    warden_ciphertext_send, pg_finfo_warden_ciphertext_send => ciphertext::send;
    warden_ciphertext_eq_eq, pg_finfo_warden_ciphertext_eq_eq => ciphertext::eq;
    warden_ciphertext_eq_ne, pg_finfo_warden_ciphertext_eq_ne => ciphertext::ne;
    warden_ciphertext_eq_lt, pg_finfo_warden_ciphertext_eq_lt => ciphertext::lt;
    warden_ciphertext_eq_le, pg_finfo_warden_ciphertext_eq_le => ciphertext::le;
    warden_ciphertext_eq_ge, pg_finfo_warden_ciphertext_eq_ge => ciphertext::ge;
    warden_ciphertext_eq_gt, pg_finfo_warden_ciphertext_eq_gt => ciphertext::gt;
    warden_ciphertext_eq_cmp, pg_finfo_warden_ciphertext_eq_cmp => ciphertext::cmp;
    warden_ciphertext_eq_hash, pg_finfo_warden_ciphertext_eq_hash => ciphertext::hash;
    warden_ciphertext_eq_hash_extended, pg_finfo_warden_ciphertext_eq_hash_extended => ciphertext::hash_extended;
    warden_encrypt_text, pg_finfo_warden_encrypt_text => value::encrypt_text;
    warden_encrypt_bytes, pg_finfo_warden_encrypt_bytes => value::encrypt_bytes;
    warden_encrypt_json, pg_finfo_warden_encrypt_json => value::encrypt_json;
    warden_encrypt_eq, pg_finfo_warden_encrypt_eq => value::encrypt_eq;
    warden_search_term, pg_finfo_warden_search_term => value::search_term;
    warden_decrypt_text, pg_finfo_warden_decrypt_text => value::decrypt_text;
    warden_decrypt_bytes, pg_finfo_warden_decrypt_bytes => value::decrypt_bytes;
    warden_decrypt_json, pg_finfo_warden_decrypt_json => value::decrypt_json;
    warden_column_open, pg_finfo_warden_column_open => row::column_open;
    warden_column_unchanged, pg_finfo_warden_column_unchanged => row::column_unchanged;
    warden_column_opens, pg_finfo_warden_column_opens => row::column_opens;
    warden_column_seal, pg_finfo_warden_column_seal => row::column_seal;
    warden_column_seal_eq, pg_finfo_warden_column_seal_eq => row::column_seal_eq;
    warden_column_unseal, pg_finfo_warden_column_unseal => row::column_unseal;
    warden_bind_row, pg_finfo_warden_bind_row => row::bind_row;
    warden_clear_row, pg_finfo_warden_clear_row => write::clear_row;
}
