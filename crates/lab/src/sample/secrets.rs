/// What is worth encrypting: what a platform knows of persons, and what they must not know yet.
pub struct Secrets {
    /// The column that rows are looked up by.
    pub searched: Secret,
    pub others: &'static [Secret],
    /// The primary key of the first one's table.
    pub key: &'static [&'static str],
    /// A new row for that table, through its companion view, which takes an instructor: `$1` is the secret, and comes back.
    pub insert: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    pub table: &'static str,
    pub column: &'static str,
}

impl Secrets {
    pub fn all(&self) -> impl Iterator<Item = Secret> {
        std::iter::once(self.searched).chain(self.others.iter().copied())
    }

    /// The call that encrypts a column, as a person would write it.
    pub fn call(&self, secret: Secret) -> String {
        let searchable = if secret == self.searched { ", searchable => true" } else { "" };
        format!("SELECT warden.encrypt_column('{}', '{}'{searchable})", secret.table, secret.column)
    }
}

impl Secret {
    /// The view that decrypts its table.
    pub fn view(&self) -> String {
        format!("{}_clear", self.table)
    }

    /// As `encrypt`, `decrypt` and `search_term` name the column.
    pub fn context(&self) -> String {
        format!("{}.{}", self.table, self.column)
    }
}
