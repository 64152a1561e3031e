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
                if $crate::support::postgres::timed::available() {
                    super::$name($crate::support::engine::Engine::Postgres);
                }
            })*
        }
    };
}
pub(crate) use on_both_engines;
