//! `keydesk init`: the first start without the terminal UI.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::help::Examples;
use crate::cli::prompt;
use crate::desk::{self, Desk};
use crate::domain::application::Application;
use crate::domain::location::Location;
use crate::domain::text::{Name, fold, inert};
use crate::domain::token::Prefix;
use crate::domain::user::{Account, Caller, Email, SignIn};
use crate::host::identity;
use crate::store::roles::{self, RoleNames};
use crate::store::users::{self, Binding};
use crate::store::{StoreError, applications};

const EXAMPLES: Examples = Examples(&[
    ("keydesk init --email ana@example.com --app Storefront", ""),
    ("keydesk init --email ana@example.com --app Storefront --prefix acme", "keys begin with acme_live_"),
    ("keydesk init --db postgres://postgres@db.internal/keydesk --create-roles", ""),
]);

/// Set up the database with its first user (you) and Application
///
/// Safe to rerun with the same email and Application. On a terminal, asks for missing arguments.
///
/// On a PostgreSQL server, run it as the owner of an empty database: it creates the tables, and prints the SQL that
/// creates two roles and grants exactly the rights that they need, one for administrators and one for gateways. With
/// --create-roles it runs that SQL. The roles have no password: set it with \password in psql. Work as an administrator
/// from then on, not as the owner, who can change the tables themselves. Give each person a role of their own that is a
/// member of the role of administrators: GRANT keydesk_admin TO ana.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Your email
    #[arg(long, value_name = "EMAIL")]
    email: Option<String>,
    /// Prefix of all keys: 2 to 8 letters and digits, fixed for the life of the database [default: ik]
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<Prefix>,
    #[command(flatten)]
    roles: RoleArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "PostgreSQL")]
struct RoleArgs {
    /// Create the two roles, without a password, and grant their rights
    #[arg(long)]
    create_roles: bool,
    /// Role of administrators [default: keydesk_admin]
    #[arg(long, value_name = "ROLE")]
    administrator_role: Option<String>,
    /// Role of gateways [default: keydesk_gateway]
    #[arg(long, value_name = "ROLE")]
    gateway_role: Option<String>,
    /// Role of the first user [default: the role of administrators if it exists, else yours]
    #[arg(long, value_name = "ROLE")]
    login: Option<String>,
}

impl RoleArgs {
    fn names(&self) -> RoleNames {
        let name = |name: &Option<String>, default: &str| name.clone().unwrap_or_else(|| default.to_owned());
        RoleNames {
            administrator: name(&self.administrator_role, "keydesk_admin"),
            gateway: name(&self.gateway_role, "keydesk_gateway"),
        }
    }

    /// Rejects options of a server for a file.
    fn check(&self, database: &Location) -> Result<(), CommandError> {
        let given = [
            ("--create-roles", self.create_roles),
            ("--administrator-role", self.administrator_role.is_some()),
            ("--gateway-role", self.gateway_role.is_some()),
            ("--login", self.login.is_some()),
        ];
        let option = given.iter().find(|(_, given)| *given).filter(|_| database.file().is_some());
        if let Some((option, _)) = option {
            let message = format!("{option} needs a database on a PostgreSQL server");
            return Err(
                CommandError::usage("usage", message).hint("name it with --db postgres://USER@HOST/DATABASE")
            );
        }
        let names = self.names();
        let is_empty = [&names.administrator, &names.gateway].iter().any(|name| name.trim().is_empty());
        if is_empty || names.administrator == names.gateway {
            let message = "the role of administrators and the role of gateways must be two different names";
            return Err(CommandError::usage("usage", message)
                .hint("choose others with --administrator-role and --gateway-role"));
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    database: String,
    user: Option<&'a str>,
    application: &'a str,
    prefix: &'a str,
    already: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<RolesDocument<'a>>,
}

/// The roles of a database on a server.
#[derive(Serialize)]
struct RolesDocument<'a> {
    administrator: &'a str,
    gateway: &'a str,
    /// The role of the first user, or of the user who runs this.
    login: Option<&'a str>,
    /// What is left to be run as the owner of the database; none where both roles have their rights.
    sql: Option<&'a str>,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, CommandError> {
    args.roles.check(&context.database)?;
    let suggested = identity::suggested_email(&identity::caller());
    let email =
        given(context, args.email.as_deref(), "--email <EMAIL>", "Your email", Some(&suggested), |text| {
            Ok(Email::parse(text)?)
        })?;
    let named = context.application.as_deref();
    let application =
        given(context, named, "--app <NAME>", "First Application", None, |text| Ok(Name::parse(text)?))?;
    let mut desk = context.desk_or_new()?;
    context.check_known_head(&mut desk);
    let roles = match context.database.account() {
        Account::Login => None,
        Account::Role => Some(ServerRoles::prepare(&desk, &args.roles)?),
    };
    let caller = desk.caller().clone();
    let first = match &roles {
        Some(roles) => Binding { login: Some(&roles.first), uid: None },
        None => Binding { login: Some(&caller.login), uid: Some(caller.uid) },
    };
    let set_up = context.change(&mut desk, |session| {
        desk::set_up_for(session, first, &email, &application, args.prefix.as_ref())
    })?;
    let database = &context.database;
    let user = set_up.user.as_ref().and_then(|user| user.email.as_ref());
    let login = set_up.user.as_ref().and_then(|user| user.login.as_deref());
    if !set_up.already {
        let bound = roles.as_ref().map(|roles| format!(", bound to the role {}", inert(&roles.first)));
        let other = roles.as_ref().filter(|roles| roles.first != caller.login);
        let other = other.map(|roles| format!(" as the role {}", inert(&roles.first)));
        context.output.say(&format!(
            "{database} is set up. You are {email}{}, the first Application is {}.\n\
             Create a key{} with: keydesk keys create NAME",
            bound.unwrap_or_default(),
            set_up.application.name,
            other.unwrap_or_default()
        ));
        context.notice_root(&identity::caller());
    } else if user == Some(&email) && fold(set_up.application.name.as_str()) == fold(application.as_str()) {
        context.output.say(&format!("{database} is already set up. Nothing was changed."));
    } else {
        return Err(set_up_otherwise(
            database,
            user,
            &desk.store().read(|r| applications::all(r, LISTED + 1))?,
        ));
    }
    if let Some(roles) = &roles {
        roles.say(context)?;
        roles.say_who(context, &desk)?;
    }
    context.output.if_json(&Document {
        database: database.text(),
        user: user.map(Email::as_str),
        application: set_up.application.name.as_str(),
        prefix: set_up.prefix.as_str(),
        already: set_up.already,
        roles: roles.as_ref().map(|roles| RolesDocument {
            administrator: &roles.names.administrator,
            gateway: &roles.names.gateway,
            login,
            sql: roles.sql.as_deref(),
        }),
    })
}

/// The roles of a database on a server.
struct ServerRoles {
    names: RoleNames,
    /// The one that the first user is bound to.
    first: String,
    /// What is left to be run as the owner of the database; none where both roles have their rights.
    sql: Option<String>,
    created: bool,
}

impl ServerRoles {
    /// Creates the roles if that is asked for, and finds out what is there.
    fn prepare(desk: &Desk, args: &RoleArgs) -> Result<Self, CommandError> {
        let names = args.names();
        if args.create_roles {
            desk.store().create_roles(&names).map_err(no_rights)?;
        }
        let roles = desk.store().roles(&names)?;
        let administrator =
            roles.filter(|roles| roles.has_administrator).map(|_| names.administrator.as_str());
        let exists = |login: &str| desk.sign_in(login).map(|sign_in| sign_in != SignIn::NoRole);
        let first = match (args.login.as_deref(), administrator) {
            (Some(login), _) if !exists(login)? => {
                let message = format!("role {login:?} not found among those that can log in");
                return Err(CommandError::not_found(message)
                    .hint(format!("create it with: createuser {}", inert(login))));
            }
            (Some(login), _) => login,
            (None, Some(administrator)) if exists(administrator)? => administrator,
            (None, _) => &desk.caller().login,
        }
        .to_owned();
        let missing = roles.filter(|roles| !roles.have_rights);
        let sql = missing.map(|missing| roles::sql(&names, missing));
        Ok(Self { names, first, sql, created: args.create_roles })
    }

    /// Prints the SQL that is left to be run, or says that there is none.
    fn say(&self, context: &Context) -> Result<(), CommandError> {
        let (administrator, gateway) = (inert(&self.names.administrator), inert(&self.names.gateway));
        match &self.sql {
            Some(sql) => {
                context.output.say(&format!(
                    "The roles {administrator} and {gateway} are not ready. Run the SQL on standard output with psql as the \
                     owner of the database, or run this command again with --create-roles."
                ));
                if !context.output.is_json() {
                    context.output.line(sql.trim_end())?;
                }
            }
            None if self.created => context.output.say(&format!(
                "The roles {administrator} and {gateway} are ready. Set their passwords in psql:\n\
                 \\password {administrator}\n\\password {gateway}\n\
                 Work as {administrator} from now on: the owner of the tables can change the audit log."
            )),
            None => {
                context.output.say(&format!("The roles {administrator} and {gateway} have their rights."));
            }
        }
        Ok(())
    }

    /// Says how to work as an administrator, where no user is bound to that role.
    fn say_who(&self, context: &Context, desk: &Desk) -> Result<(), CommandError> {
        let administrator = Caller { uid: 0, login: self.names.administrator.clone() };
        if (self.created || self.sql.is_some())
            && desk.store().read(|r| users::of_caller(r, &administrator))?.is_none()
        {
            context.output.say(&format!(
                "No user is bound to the role {0} yet. Add one with: keydesk users add EMAIL --login {0}",
                inert(&administrator.login)
            ));
        }
        Ok(())
    }
}

/// The owner of a database may not be allowed to create roles, and another role may not grant rights to its tables.
fn no_rights(error: StoreError) -> CommandError {
    let lacks_rights = error.lacks_rights();
    let error = CommandError::from(error);
    if lacks_rights {
        return error.hint(
            "run it as the owner of the database with the attribute CREATEROLE, or without --create-roles to print the SQL",
        );
    }
    error
}

/// The value of an argument, or the answer to a question at the terminal.
fn given<T>(
    context: &Context,
    value: Option<&str>,
    argument: &str,
    question: &str,
    default: Option<&str>,
    parse: impl Fn(&str) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    match value {
        Some(value) => parse(value),
        None if prompt::can_ask(&context.output) => prompt::ask(question, default, parse),
        None => Err(CommandError::missing(argument, "keydesk init")),
    }
}

/// Maximum number of Applications that an error lists.
const LISTED: usize = 5;

/// The database exists with another email or Application.
fn set_up_otherwise(database: &Location, user: Option<&Email>, applications: &[Application]) -> CommandError {
    let you = match user {
        Some(email) => format!("you are {email}"),
        None => format!("your {} is not a user of it", database.account()),
    };
    let mut names: Vec<String> =
        applications.iter().take(LISTED).map(|application| application.name.to_string()).collect();
    if applications.len() > LISTED {
        names.push("...".to_owned());
    }
    let (noun, names) = (if names.len() == 1 { "Application" } else { "Applications" }, names.join(", "));
    let message = format!("{database} is already set up: {you}, {noun}: {names}");
    CommandError::failed("already_set_up", message).hint(
        "run \"keydesk users add EMAIL\" to add a user or \"keydesk apps create NAME\" to add an Application, or choose \
         another database with --db",
    )
}
