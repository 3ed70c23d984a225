//! An `up.sql` as PostgreSQL reads it: its statements, and what its comments mark. Texts, bodies between
//! dollars and comments of all kinds are the parser's business.

use sqlparser::ast::{Ident, ObjectName, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError, Whitespace};

const DIALECT: PostgreSqlDialect = PostgreSqlDialect {};

/// What stands in a file.
pub(super) struct Script {
    pub(super) parts: Vec<Part>,
    /// The comments of one line, without their dashes.
    pub(super) comments: Vec<String>,
}

/// What stands between two semicolons.
pub(super) struct Part {
    /// PostgreSQL knows more statements than the parser.
    pub(super) statement: Result<Statement, ParserError>,
    pub(super) is_concurrent: bool,
}

impl Script {
    /// Fails where PostgreSQL would, such as at a text without an end.
    pub(super) fn read(sql: &str) -> Result<Self, TokenizerError> {
        let tokens = Tokenizer::new(&DIALECT, sql).tokenize_with_location()?;
        let comment = |token: &TokenWithSpan| match &token.token {
            Token::Whitespace(Whitespace::SingleLineComment { comment, .. }) => {
                Some(comment.trim().to_owned())
            }
            _ => None,
        };
        Ok(Self {
            comments: tokens.iter().filter_map(comment).collect(),
            parts: tokens
                .split(|token| token.token == Token::SemiColon)
                .filter_map(Part::of)
                .collect(),
        })
    }
}

impl Part {
    fn of(tokens: &[TokenWithSpan]) -> Option<Self> {
        let is_word = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
        let mut words: Vec<_> = tokens.iter().filter(is_word).cloned().collect();
        let length = words.len();
        // The parser knows it with CREATE INDEX alone, and not with DROP INDEX.
        words.retain(|word| !is_keyword(word, Keyword::CONCURRENTLY));
        let is_concurrent = words.len() < length;
        (length > 0).then(|| Self {
            statement: statement(words),
            is_concurrent,
        })
    }
}

fn is_keyword(word: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&word.token, Token::Word(word) if word.keyword == keyword)
}

fn statement(words: Vec<TokenWithSpan>) -> Result<Statement, ParserError> {
    let mut parser = Parser::new(&DIALECT).with_tokens_with_locations(words);
    let mut statements = parser.parse_statements()?;
    statements
        .pop()
        .ok_or_else(|| ParserError::ParserError("no statement".into()))
}

/// A name as PostgreSQL keeps it.
pub(super) fn name(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

/// Whether a table is in the schema that all of ours are in.
pub(super) fn is_ours(named: &ObjectName) -> bool {
    let schema = named.0.iter().rev().nth(1).and_then(|part| part.as_ident());
    schema.is_none_or(|schema| name(schema) == "public")
}

/// The table's name, without its schema.
pub(super) fn table(named: &ObjectName) -> String {
    let last = named.0.last().and_then(|part| part.as_ident());
    last.map(name).unwrap_or_default()
}
