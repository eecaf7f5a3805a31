// An API that takes a JWT in Authorization: Bearer, as the preset's setup says.
import express from "express";
import { createRemoteJWKSet, jwtVerify } from "jose";

const { PORT, JWKS_URL, ISSUER, AUDIENCE } = process.env;
const keys = createRemoteJWKSet(new URL(JWKS_URL));

async function identity(req, res, next) {
  const [scheme, token] = (req.headers.authorization ?? "").split(" ");
  try {
    if (scheme !== "Bearer") throw new Error("no bearer token");
    const { payload } = await jwtVerify(token, keys, {
      issuer: ISSUER,
      audience: AUDIENCE,
      requiredClaims: ["exp", "email"],
    });
    req.user = payload;
    next();
  } catch (err) {
    console.error(`refused: ${err.message}`);
    res.sendStatus(401);
  }
}

const app = express();
app.get("/healthz", (req, res) => res.sendStatus(204));
app.use(identity);
app.get("/whoami", (req, res) => {
  const { email, roles, name, groups = [] } = req.user;
  res.json({ user: email, role: roles.join("|"), name, groups: groups.join("|") });
});
app.listen(Number(PORT), "127.0.0.1");
