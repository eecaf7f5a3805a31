// Apps on the real frameworks, each below its own path. GET /NAME says who is signed
// in and what the session held when the request came; X-Change is JSON in
// base64 that the app then merges into it. It ends with its standard input.
import http from "node:http";
import { webcrypto } from "node:crypto";
import express from "express";

globalThis.crypto ??= webcrypto; // Node 18

const secrets = JSON.parse(process.env.SECRETS);
const RealDate = Date;
let clock = 0; // X-Now, in seconds; 0: the real one
globalThis.Date = class extends RealDate {
  constructor(...args) {
    args.length ? super(...args) : super(Date.now());
  }
  static now() {
    return clock ? clock * 1000 : RealDate.now();
  }
};

const app = express();
app.use((req, res, next) => {
  clock = Number(req.get("X-Now") ?? 0);
  next();
});

const change = (req) => JSON.parse(Buffer.from(req.get("X-Change") ?? "e30=", "base64"));

// What the session of an app on express is, before the change.
function visit(user) {
  return (req, res) => {
    const session = JSON.parse(JSON.stringify(req.session));
    delete session.cookie;
    Object.assign(req.session, change(req));
    res.json({ user: user(req) ?? null, session });
  };
}

const mounts = {
  async "cookie-session"() {
    const { default: cookieSession } = await import("cookie-session");
    const { default: Keygrip } = await import("keygrip");
    app.use("/cookie-session", cookieSession({ keys: secrets }), visit((req) => req.session.user));
    app.use("/cookie-session-256", cookieSession({ keys: new Keygrip(secrets, "sha256") }), visit((req) => req.session.user));
  },

  async "express-session"() {
    const { default: session } = await import("express-session");
    const { default: passport } = await import("passport");
    const { RedisStore } = await import("connect-redis");
    const { createClient } = await import("redis");
    const client = createClient({ url: process.env.REDIS_URL });
    await client.connect();

    const users = new Map([["42", { id: "42", email: "ann@example.com" }]]);
    passport.serializeUser((user, done) => done(null, user.id));
    passport.deserializeUser((id, done) => done(null, users.get(id) ?? false));

    const router = express.Router();
    router.use(session({ store: new RedisStore({ client }), secret: secrets, resave: false, saveUninitialized: false }));
    router.use(passport.session());
    router.get("/login", (req, res, next) => {
      req.login(users.get("42"), (err) => {
        if (err) return next(err);
        Object.assign(req.session, change(req));
        res.sendStatus(204);
      });
    });
    router.get("/logout", (req, res, next) => req.logout((err) => (err ? next(err) : res.sendStatus(204))));
    router.get("/", visit((req) => (req.isAuthenticated() ? req.user.email : null)));
    app.use("/express-session", router);
  },

  async authjs() {
    const { Auth } = await import("@auth/core");
    const handler = (useSecureCookies) => async (req, res) => {
      let before = {};
      const answer = await Auth(
        new Request("https://app.example.com/api/auth/session", { headers: { cookie: req.headers.cookie ?? "" } }),
        {
          basePath: "/api/auth",
          secret: secrets,
          trustHost: true,
          useSecureCookies,
          providers: [],
          logger: { error() {}, warn() {} },
          callbacks: {
            jwt({ token }) {
              before = { ...token };
              return Object.assign(token, change(req));
            },
          },
        },
      );
      const session = await answer.json();
      res.set("Set-Cookie", answer.headers.getSetCookie());
      res.json({ user: session?.user?.email ?? null, session: before });
    };
    app.use("/authjs", handler(true));
    app.use("/authjs-http", handler(false));
  },

  async nextauth() {
    const { default: { default: NextAuth } } = await import("next-auth"); // CommonJS
    const { default: cookie } = await import("cookie");
    process.env.NEXTAUTH_URL = "https://app.example.com";
    const handler = (useSecureCookies) => async (req, res) => {
      let before = {};
      // What Next.js makes of a request for pages/api/auth/[...nextauth].js.
      req.query = { nextauth: ["session"] };
      req.cookies = cookie.parse(req.headers.cookie ?? "");
      const json = res.json.bind(res);
      res.json = (session) => json({ user: session?.user?.email ?? null, session: before });
      await NextAuth(req, res, {
        secret: secrets[0],
        useSecureCookies,
        providers: [],
        logger: { error() {}, warn() {} },
        callbacks: {
          jwt({ token }) {
            before = { ...token };
            return Object.assign(token, change(req));
          },
        },
      });
    };
    app.use("/nextauth", handler(true));
    app.use("/nextauth-http", handler(false));
  },
};

await mounts[process.env.APP]();
app.use((err, req, res, next) => {
  console.error(err);
  res.sendStatus(500);
});
const server = http.createServer({ maxHeaderSize: 64 << 10 }, app).listen(0, "127.0.0.1", () => {
  console.log(server.address().port);
});
process.stdin.resume().on("end", () => process.exit());
