//! Tests of both engines: each is a function of the engine.

/// Makes a test of each function for each engine.
macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test]
            fn $name() {
                super::$name($crate::support::engine::Engine::Sqlite);
            })*
        }

        mod on_postgres {
            $(#[test]
            fn $name() {
                if $crate::support::postgres::Postgres::available() {
                    super::$name($crate::support::engine::Engine::Postgres);
                }
            })*
        }
    };
}
pub(crate) use on_both_engines;

/// Makes a test of each function for SQLite alone: with a clock of the test, where a server has its own, or with claims on
/// rotations.
macro_rules! on_sqlite {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite_alone {
            $(#[test]
            fn $name() {
                super::$name($crate::support::engine::Engine::Sqlite);
            })*
        }
    };
}
pub(crate) use on_sqlite;
